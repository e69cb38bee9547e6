package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// report is what speed found: for each operation the direct calls, then the series with jobs.
type report struct {
	kind   *engineKind
	groups [][]*series
}

// writeText writes the first screen.
func (r *report) writeText(w io.Writer) error {
	var b bytes.Buffer
	for _, f := range machineFacts() {
		fmt.Fprintf(&b, "%s\n", f)
	}
	fmt.Fprintf(&b, "\n%s\n", r.headline())
	fmt.Fprintf(&b, "The engine %q %s\n", r.kind.name, r.kind.gain())
	fmt.Fprintf(&b, "%s\n", r.verified())
	if w := r.disturbed(); w != "" {
		fmt.Fprintf(&b, "%s\n", w)
	}
	b.WriteString("\n")
	r.table(&b)
	if cores := r.groups[0][0].cores; r.groups[0][1].jobs < cores {
		fmt.Fprintf(&b, "\nAn operation takes one core: fewer jobs than %d leave cores idle, which the direct calls keep busy.\n", cores)
	}
	fmt.Fprintf(&b, "\n%s", speedNext)
	_, err := w.Write(b.Bytes())
	return err
}

const speedNext = `Try next:
  asynccrypto speed -plot speed.svg rsa2048    how rate and latency go with the number of jobs
  asynccrypto speed -key KEY.pem               a key of yours
  asynccrypto sign -key KEY.pem FILE...        sign files, thousands at once
`

// verified says how many results were verified.
func (r *report) verified() string {
	verified, done := 0, uint64(0)
	for _, group := range r.groups {
		for _, s := range group {
			verified += s.verified
			done += s.done()
		}
	}
	if uint64(verified) == done {
		return fmt.Sprintf("Verified, off the clock: all %s results; none was wrong.", thousands(float64(done)))
	}
	return fmt.Sprintf("Verified, off the clock: %s of %s results, chosen at random; none was wrong.",
		thousands(float64(verified)), thousands(float64(done)))
}

// disturbed returns a warning if other programs took so much of the cores that the figures say little. The direct calls
// always have something to compute.
func (r *report) disturbed() string {
	var computed, possible time.Duration
	for _, group := range r.groups {
		computed += group[0].computed
		possible += group[0].possible
	}
	if possible == 0 || float64(computed) > 0.9*float64(possible) {
		return ""
	}
	return fmt.Sprintf("Beware: the direct calls had only %.0f%% of the cores, as other programs ran. Repeat it when they don't.",
		100*computed.Seconds()/possible.Seconds())
}

// headline compares the two ways for RSA-2048 signatures, or for the first operation if these were not measured.
func (r *report) headline() string {
	group := r.groups[0]
	for _, g := range r.groups {
		if g[0].op.algorithm == "rsa2048" && g[0].op.name == "sign" {
			group = g
		}
	}
	// The largest number of jobs, not the best figure: of several noisy ones the best is the luckiest.
	direct, most := group[0], group[1]
	for _, s := range group[2:] {
		if s.jobs > most.jobs {
			most = s
		}
	}
	what := map[string]string{"sign": "signatures", "decrypt": "decryptions", "derive": "key agreements"}[direct.op.name]
	name := direct.op.algorithm
	if bits, ok := strings.CutPrefix(name, "rsa"); ok {
		name = "RSA-" + bits
	}
	return fmt.Sprintf("%s %s/s for each core: %s directly, %s through the engine %q with %s (%.2f times)",
		name, what, thousands(direct.perSecond()/float64(direct.cores)), thousands(most.perSecond()/float64(most.cores)),
		r.kind.name, count(most.jobs, "job"), most.perSecond()/direct.perSecond())
}

// table puts the direct calls beside the engine. They are the same for every number of jobs, so they stand once.
func (r *report) table(w io.Writer) {
	const line = "%-10s %-7s | %9s %7s %7s | %4s %9s %7s %7s %5s %6s\n"
	fmt.Fprintf(w, "%-18s | %-25s | %s\n", "", "called directly",
		fmt.Sprintf("engine %s, on the same %s", r.kind.name, count(r.groups[0][0].cores, "core")))
	fmt.Fprintf(w, line, "algorithm", "", "per sec", "p50", "p99", "jobs", "per sec", "p50", "p99", "batch", "times")
	for _, group := range r.groups {
		direct := group[0]
		d := [5]string{direct.op.algorithm, direct.op.name, thousands(direct.perSecond()),
			shortDuration(direct.latency(0.5)), shortDuration(direct.latency(0.99))}
		for _, s := range group[1:] {
			fmt.Fprintf(w, line, d[0], d[1], d[2], d[3], d[4], fmt.Sprint(s.jobs), thousands(s.perSecond()),
				shortDuration(s.latency(0.5)), shortDuration(s.latency(0.99)),
				fmt.Sprintf("%.1f", s.meanBatch()), fmt.Sprintf("%.2f", s.perSecond()/direct.perSecond()))
			d = [5]string{}
		}
	}
}

// jsonSeries is an element of the array that -json writes. Scripts rely on the names.
type jsonSeries struct {
	Algorithm string  `json:"algorithm"`
	Operation string  `json:"operation"`
	Engine    string  `json:"engine"`     // "std" for direct calls
	AsyncJobs int     `json:"async_jobs"` // 0 for direct calls
	Cores     int     `json:"cores"`
	OpsPerSec float64 `json:"ops_per_sec"` // on all cores together
	P50       int64   `json:"p50_ns"`
	P99       int64   `json:"p99_ns"`
	MeanBatch float64 `json:"mean_batch"`
}

func (r *report) writeJSON(w io.Writer) error {
	all := []jsonSeries{}
	for _, group := range r.groups {
		for _, s := range group {
			name := "std"
			if s.jobs > 0 {
				name = r.kind.name
			}
			all = append(all, jsonSeries{s.op.algorithm, s.op.name, name, s.jobs, s.cores, s.perSecond(),
				int64(s.latency(0.5)), int64(s.latency(0.99)), s.meanBatch()})
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(all)
}
