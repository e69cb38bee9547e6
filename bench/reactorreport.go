package main

import (
	"fmt"
	"io"
	"strings"
)

// reactorFindings is all that measureReactor found out; -json prints it as it is.
type reactorFindings struct {
	Machine machine       `json:"machine"`
	Rounds  int           `json:"rounds"`
	SideNS  int64         `json:"side_ns"`
	Missing string        `json:"c_missing,omitempty"`
	Rows    []*reactorRow `json:"measures"`
}

// reactorRow is in nanoseconds for each job woken and resumed.
type reactorRow struct {
	Name    string  `json:"name"`
	C       *series `json:"c,omitempty"`
	Ours    *series `json:"ours,omitempty"`
	Ratio   *series `json:"ratio,omitempty"`
	AtMost  float64 `json:"at_most"`
	Verdict string  `json:"verdict,omitempty"`

	oneCPU       bool
	theirs, ours []float64 // by round
}

func newReactorFindings(p reactorPlan) *reactorFindings {
	name := fmt.Sprintf("waking %d jobs on one reactor", reactorJobs)
	return &reactorFindings{
		Machine: newFindings(plan{}).Machine,
		Rounds:  p.rounds,
		SideNS:  p.time.Nanoseconds(),
		Rows: []*reactorRow{
			{Name: name + ", one CPU", AtMost: reactorAtMost, oneCPU: true},
			{Name: name + ", all CPUs", AtMost: reactorAtMost},
		},
	}
}

func (f *reactorFindings) conclude() {
	for _, r := range f.Rows {
		r.C, r.Ours, r.Ratio = summarize(r.theirs), summarize(r.ours), summarize(ratios(r.ours, r.theirs))
		if r.Ratio != nil {
			r.Verdict = verdict(r.Ratio.Median, r.AtMost, 0)
		}
	}
}

func (f *reactorFindings) writeJSON(w io.Writer) error {
	return writeIndented(w, f)
}

func (f *reactorFindings) writeText(w io.Writer) error {
	var b strings.Builder
	m := f.Machine
	fmt.Fprintf(&b, "%s, %d cores, %s, %s, %s; one CPU: %s\n", m.CPU, m.Cores, m.System, m.Go, m.Date, m.Pinned)
	if f.Missing != "" {
		fmt.Fprintf(&b, "C is not measured: %s\n", f.Missing)
	}
	fmt.Fprintf(&b, "rounds: %d; medians, for each job; the ratio is ours / C, pair by pair\n"+
		"C: write, epoll_wait and read of an eventfd for each job, and a call; ours: callback, turn, and the job resumed until it pauses\n\n", f.Rounds)
	const line = "%-40s %10s %9s %7s %-15s %7s  %s\n"
	fmt.Fprintf(&b, line, "", "C", "ours", "ratio", "least..most", "at most", "target")
	for _, r := range f.Rows {
		median, spread := ratioColumns(r.Ratio)
		b.WriteString(strings.TrimRight(fmt.Sprintf(line, r.Name, figure(r.C, "ns/op"), figure(r.Ours, "ns/op"), median, spread,
			target(r.AtMost), r.Verdict), " \n") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
