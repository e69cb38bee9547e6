package speed

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/internal/measure"
)

// fakeReport has two operations, each measured on two cores for a second, of which it had the
// given processor time.
func fakeReport(rsa, x25519 time.Duration) *report {
	r := &report{
		machine: measure.Machine{CPU: "Some CPU", Cores: 2, System: "linux/amd64", Go: "go1.30", Date: "2026-11-28"},
		kind:    &engines.Kind{Name: "fake", Gain: func() string { return "does nothing." }},
	}
	for _, m := range []struct {
		algorithm, name string
		used            time.Duration
	}{{"ecdhx25519", "derive", x25519}, {"rsa2048", "sign", rsa}} {
		op := &measure.Operation{Algorithm: m.algorithm, Name: m.name}
		c := &comparison{op: op, cores: 2, direct: fakeSeries(op, 0, 2000, time.Millisecond),
			jobs: []*series{fakeSeries(op, 1, 500, time.Millisecond), fakeSeries(op, 64, 9000, time.Millisecond)}}
		c.direct.usage = measure.Usage{Used: m.used, Possible: 2 * time.Second}
		r.comparisons = append(r.comparisons, c)
	}
	return r
}

// A report on a machine that had other things to do says so wherever its figures appear, and
// makes no comparison.
func TestDisturbed(t *testing.T) {
	const quiet = 1950 * time.Millisecond
	const headline = "RSA-2048 signatures/s for each core: 1,000 directly, 4,500 through the engine \"fake\" with 64 jobs (4.50 times as fast)\n"
	for name, test := range map[string]struct {
		rsa, x25519 time.Duration
		headline    bool
		warning     string // the beginning of it
		disturbed   [2]bool
	}{
		"quiet":   {quiet, 2 * time.Second, true, "", [2]bool{}},
		"unknown": {0, 0, true, "", [2]bool{}},
		"both": {1000 * time.Millisecond, 1800 * time.Millisecond, false,
			"Disturbed: other programs ran, and the direct calls of 2 of 2 operations had as little as 50% of the cores.", [2]bool{true, true}},
		"the other": {quiet, 1800 * time.Millisecond, true,
			"Disturbed: other programs ran, and the direct calls of 1 of 2 operations had as little as 90% of the cores.", [2]bool{true, false}},
		"the headline's": {1800 * time.Millisecond, quiet, false,
			"Disturbed: other programs ran, and the direct calls of 1 of 2 operations had as little as 90% of the cores.", [2]bool{false, true}},
	} {
		r := fakeReport(test.rsa, test.x25519)
		var b bytes.Buffer
		if err := r.writeText(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.Contains(text, headline) != test.headline || strings.Contains(text, "signatures/s") != test.headline {
			t.Errorf("%s: the headline should be there: %v\n%s", name, test.headline, text)
		}
		if strings.Contains(text, "Disturbed") != (test.warning != "") || !strings.Contains(text, test.warning) {
			t.Errorf("%s: no %q in\n%s", name, test.warning, text)
		}
		plot := string(r.plot())
		marked := strings.Contains(plot, "; disturbed, as other programs ran<")
		if marked != (test.warning != "") {
			t.Errorf("%s: the plot is marked: %v", name, marked)
		}
		b.Reset()
		if err := r.writeJSON(&b); err != nil {
			t.Fatal(err)
		}
		var rows []jsonSeries
		if err := json.Unmarshal(b.Bytes(), &rows); err != nil || len(rows) != 6 {
			t.Fatalf("%v, %s", err, b.String())
		}
		for i, c := range r.comparisons {
			want := test.disturbed[i]
			for _, row := range rows[3*i : 3*i+3] {
				if row.Disturbed != want {
					t.Errorf("%s: row %+v", name, row)
				}
			}
			if got := strings.Contains(plot, c.op.Algorithm+" "+c.op.Name+" (disturbed): operations"); got != want {
				t.Errorf("%s: %s is marked in the plot: %v", name, c.op.Algorithm, got)
			}
			_, row, _ := strings.Cut(text, "\n"+c.op.Algorithm)
			row, _, _ = strings.Cut(row, "\n")
			if strings.HasSuffix(row, " disturbed") != want || strings.HasSuffix(row, " 0.25") == want {
				t.Errorf("%s: row %q", name, row)
			}
		}
	}
}
