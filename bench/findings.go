package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// findings is all that a run found out; -json prints it as it is. Nothing of libcrypto is in it when that is missing.
type findings struct {
	Machine machine `json:"machine"`
	Rounds  int     `json:"rounds"`
	SideNS  int64   `json:"side_ns"` // how long one side of a pair is measured
	Missing string  `json:"libcrypto_missing,omitempty"`
	Note    string  `json:"note,omitempty"`
	Rows    []*row  `json:"measures"`
}

// machine is where the figures come from: they mean nothing elsewhere.
type machine struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	System    string `json:"system"`
	Go        string `json:"go"`
	Libcrypto string `json:"libcrypto,omitempty"`
	Pinned    string `json:"pinned"`
	Date      string `json:"date"`
}

// row is what was found for one measure.
type row struct {
	Name        string   `json:"name"`
	Benchmark   string   `json:"benchmark"`
	Unit        string   `json:"unit"`
	Theirs      *series  `json:"libcrypto,omitempty"`
	Ours        *series  `json:"ours,omitempty"`
	Ratio       *series  `json:"ratio,omitempty"`
	AtMost      float64  `json:"at_most"`
	Aim         float64  `json:"aim,omitempty"`
	Verdict     string   `json:"verdict,omitempty"`
	TheirAllocs *float64 `json:"libcrypto_allocs_per_op,omitempty"`
	OurAllocs   *float64 `json:"our_allocs_per_op,omitempty"`
	Skipped     string   `json:"skipped,omitempty"`

	theirs, ours []float64 // by round
}

// newFindings has a row for each of the plan's measures, and what is known of the machine beforehand.
func newFindings(p plan) *findings {
	f := &findings{
		Machine: machine{
			CPU:    "unknown cpu",
			Cores:  runtime.NumCPU(),
			System: runtime.GOOS + "/" + runtime.GOARCH,
			Go:     runtime.Version(),
			Date:   time.Now().Format(time.DateOnly),
		},
		Rounds: p.rounds,
		SideNS: p.time.Nanoseconds(),
	}
	for _, m := range p.measures {
		f.Rows = append(f.Rows, &row{Name: m.name, Benchmark: m.benchmark, Unit: m.unit(), AtMost: m.atMost, Aim: m.aim})
	}
	return f
}

func (m *machine) pinnedTo(cpu int, err error) {
	if err != nil {
		m.Pinned = "not pinned: " + err.Error()
		return
	}
	m.Pinned = fmt.Sprintf("pinned to cpu %d", cpu)
}

// conclude sums up the rounds.
func (f *findings) conclude() {
	for _, r := range f.Rows {
		r.Theirs, r.Ours, r.Ratio = summarize(r.theirs), summarize(r.ours), summarize(ratios(r.ours, r.theirs))
		if r.Ratio != nil {
			r.Verdict = verdict(r.Ratio.Median, r.AtMost, r.Aim)
		}
	}
}

// allocations says whether our side allocated nothing once warm; nothing where that was not measured.
func (f *findings) allocations() string {
	var looked int
	var guilty []string
	for _, r := range f.Rows {
		if r.OurAllocs == nil {
			continue
		}
		looked++
		if *r.OurAllocs > 0 {
			guilty = append(guilty, fmt.Sprintf("%s %g", r.Name, *r.OurAllocs))
		}
	}
	if looked == 0 {
		return ""
	}
	if len(guilty) > 0 {
		return "allocations of ours once warm, though there should be none: " + strings.Join(guilty, ", ")
	}
	return fmt.Sprintf("no allocation of ours once warm: true of all %d measured", looked)
}
