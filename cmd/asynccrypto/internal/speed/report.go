package speed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/internal/measure"
)

// report presents the comparisons.
type report struct {
	machine     measure.Machine
	kind        *engines.Kind
	comparisons []*comparison
}

// writeText writes the first screen.
func (r *report) writeText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", r.machine)
	for _, f := range measure.CPUFacts() {
		fmt.Fprintf(&b, "%s\n", f)
	}
	b.WriteString("\n")
	for _, h := range r.headlines() {
		fmt.Fprintf(&b, "%s\n", h)
	}
	if w := r.disturbed(); w != "" {
		fmt.Fprintf(&b, "%s\n", w)
	}
	fmt.Fprintf(&b, "The engine %q %s\n", r.kind.Name, r.kind.Gain())
	fmt.Fprintf(&b, "%s\n\n", r.verified())
	r.table(&b)
	if c := r.comparisons[0]; c.jobs[0].jobs < c.cores {
		fmt.Fprintf(&b, "\nAn operation takes one core: fewer jobs than %d leave cores idle, which the direct calls keep busy.\n", c.cores)
	}
	fmt.Fprintf(&b, "\n%s", next)
	_, err := w.Write(b.Bytes())
	return err
}

const next = `Try next:
  asynccrypto speed -plot speed.svg rsa2048    how rate and latency go with the number of jobs
  asynccrypto speed -key KEY.pem               a key of yours
  asynccrypto sign -key KEY.pem FILE...        sign files, thousands at once
  asynccrypto verify -key PUB.pem FILE...      verify their signatures
`

// verified says how many results were verified.
func (r *report) verified() string {
	var all []*series
	for _, c := range r.comparisons {
		all = append(all, c.all()...)
	}
	return verified(all)
}

func verified(all []*series) string {
	verified, done := 0, uint64(0)
	for _, s := range all {
		verified += s.verified
		done += s.done()
	}
	if uint64(verified) == done {
		return fmt.Sprintf("Verified, off the clock: all %s results; none was wrong.", measure.Number(float64(done)))
	}
	return fmt.Sprintf("Verified, off the clock: %s of %s results, chosen at random; none was wrong.",
		measure.Number(float64(verified)), measure.Number(float64(done)))
}

// disturbed returns a warning if other programs disturbed a comparison, and nothing otherwise.
func (r *report) disturbed() string {
	n, least := 0, measure.Share(1)
	for _, c := range r.comparisons {
		if c.disturbed() {
			n++
			least = min(least, c.share())
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("Disturbed: other programs ran, and the direct calls of %d of %s had as little as %.0f%% of the cores. "+
		"Repeat it when they don't.", n, measure.Count(len(r.comparisons), "operation"), 100*least)
}

// headlines compare the two ways for signatures by RSA-2048 and verifications by P-256, or for the
// first operation if neither was measured. Disturbed comparisons are left out.
func (r *report) headlines() (lines []string) {
	chosen := slices.DeleteFunc(slices.Clone(r.comparisons), func(c *comparison) bool { return !isHeadline(c) })
	if len(chosen) == 0 {
		chosen = r.comparisons[:1]
	}
	for _, c := range chosen {
		if !c.disturbed() {
			lines = append(lines, r.headline(c))
		}
	}
	return lines
}

func isHeadline(c *comparison) bool {
	return c.op.Algorithm == "rsa2048" && c.op.Name == "sign" || c.op.Algorithm == "ecdsap256" && c.op.Name == "verify"
}

func (r *report) headline(c *comparison) string {
	// The largest number of jobs, not the best figure: of several noisy ones the best is the
	// luckiest.
	most := c.jobs[len(c.jobs)-1]
	things := map[string]string{"sign": "signatures", "verify": "verifications", "decrypt": "decryptions",
		"derive": "key agreements", "keygen": "generated keys"}[c.op.Name]
	name := c.op.Algorithm
	if bits, ok := strings.CutPrefix(name, "rsa"); ok {
		name = "RSA-" + bits
	} else if bits, ok := strings.CutPrefix(name, "ecdsap"); ok {
		name = "ECDSA P-" + bits
	}
	perCore := func(s *series) string { return measure.Number(s.perSecond() / float64(c.cores)) }
	return fmt.Sprintf("%s %s/s for each core: %s directly, %s through the engine %q with %s (%.2f times as fast)",
		name, things, perCore(c.direct), perCore(most), r.kind.Name, measure.Count(most.jobs, "job"), c.speedup(most))
}

// table puts the direct calls beside the engine. They are the same for every number of jobs, so
// they stand once.
func (r *report) table(w io.Writer) {
	const line = "%-10s %-7s | %9s %7s %7s | %4s %9s %7s %7s %5s %6s\n"
	fmt.Fprintf(w, "%-18s | %-25s | %s\n", "", "called directly",
		fmt.Sprintf("engine %s, on the same %s", r.kind.Name, measure.Count(r.comparisons[0].cores, "core")))
	fmt.Fprintf(w, line, "algorithm", "", "per sec", "p50", "p99", "jobs", "per sec", "p50", "p99", "batch", "times")
	for _, c := range r.comparisons {
		direct := c.direct
		d := [5]string{c.op.Algorithm, c.op.Name, measure.Number(direct.perSecond()),
			measure.Duration(direct.latency(0.5)), measure.Duration(direct.latency(0.99))}
		for _, s := range c.jobs {
			times := fmt.Sprintf("%.2f", c.speedup(s))
			if c.disturbed() {
				times = "disturbed"
			}
			fmt.Fprintf(w, line, d[0], d[1], d[2], d[3], d[4], fmt.Sprint(s.jobs), measure.Number(s.perSecond()),
				measure.Duration(s.latency(0.5)), measure.Duration(s.latency(0.99)), fmt.Sprintf("%.1f", s.meanBatch()), times)
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
	Disturbed bool    `json:"disturbed"` // other programs had a part of the cores while this operation was measured
}

func (r *report) writeJSON(w io.Writer) error {
	all := []jsonSeries{}
	for _, c := range r.comparisons {
		for _, s := range c.all() {
			name := "std"
			if s.jobs > 0 {
				name = r.kind.Name
			}
			all = append(all, s.json(name, c.cores, c.disturbed()))
		}
	}
	return writeJSON(w, all)
}

func (s *series) json(engine string, cores int, disturbed bool) jsonSeries {
	return jsonSeries{s.op.Algorithm, s.op.Name, engine, s.jobs, cores, s.perSecond(),
		int64(s.latency(0.5)), int64(s.latency(0.99)), s.meanBatch(), disturbed}
}

func writeJSON(w io.Writer, all []jsonSeries) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(all)
}
