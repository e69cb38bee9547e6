package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// sample is a run of two rounds: one measure of each kind.
func sample(t *testing.T, theirs bool) *findings {
	t.Helper()
	p := plan{measures: []measure{facilityMeasures[0], facilityMeasures[5], facilityMeasures[7]}, rounds: 2, time: time.Millisecond}
	f := newFindings(p)
	f.Machine = machine{CPU: "Some CPU", Cores: 2, System: "linux/amd64", Go: "go1.26.0", Date: "2026-01-31"}
	f.Machine.pinnedTo(1, nil)
	zero, one, half := 0.0, 1.0, 0.5
	f.Rows[0].ours, f.Rows[0].OurAllocs = []float64{80, 84}, &zero
	f.Rows[1].ours, f.Rows[1].OurAllocs = []float64{9.5, 9}, &half
	f.Rows[2].ours = []float64{3141, 3143}
	if theirs {
		f.Machine.Libcrypto = "OpenSSL 3.0.0"
		f.Rows[0].theirs, f.Rows[0].TheirAllocs = []float64{100, 100}, &zero
		f.Rows[1].theirs, f.Rows[1].TheirAllocs = []float64{10, 10}, &one
		f.Rows[2].theirs = []float64{6282, 6286}
	} else {
		f.Missing = (&missing{"no C compiler", hintCompiler}).Error()
	}
	f.conclude()
	return f
}

func TestWriteText(t *testing.T) {
	var b strings.Builder
	if err := sample(t, true).writeText(&b); err != nil {
		t.Fatal(err)
	}
	want := `Some CPU, 2 cores, linux/amd64, go1.26.0, 2026-01-31; pinned to cpu 1
beside OpenSSL 3.0.0
rounds: 2; medians; the ratio is ours / libcrypto, pair by pair; allocs/op: libcrypto, ours

                              libcrypto      ours   ratio least..most     at most   aim  target            allocs/op
pause and resume                 100 ns   82.0 ns   0.820 0.800..0.840       0.95  0.85  met, and the aim  0, 0
set + get + clear, 1024 fds     10.0 ns   9.25 ns   0.925 0.900..0.950       0.85        missed            1, 0.5
RSS of a paused job              6284 B    3142 B   0.500 0.500..0.500       0.60        met

allocations of ours once warm, though there should be none: set + get + clear, 1024 fds 0.5
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteTextWithoutLibcrypto(t *testing.T) {
	f := sample(t, false)
	f.Rows[2].Skipped = "read elsewhere"
	var b strings.Builder
	if err := f.writeText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"libcrypto is not measured: no C compiler: install one", "82.0 ns", "not measured: read elsewhere"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "missed") || strings.Contains(b.String(), "  met") {
		t.Errorf("a verdict without a ratio in\n%s", b.String())
	}
}

func TestWriteJSON(t *testing.T) {
	for _, theirs := range []bool{true, false} {
		var b strings.Builder
		if err := sample(t, theirs).writeJSON(&b); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Machine  struct{ CPU, Libcrypto string }
			Rounds   int
			Missing  string `json:"libcrypto_missing"`
			Measures []struct {
				Name, Unit             string
				Libcrypto, Ours, Ratio *series
				Verdict                string
			}
		}
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
			t.Fatal(err)
		}
		if got.Machine.CPU != "Some CPU" || got.Rounds != 2 || len(got.Measures) != 3 {
			t.Errorf("%+v", got)
		}
		first := got.Measures[0]
		if first.Unit != "ns/op" || len(first.Ours.Rounds) != 2 || first.Ours.Median != 82 {
			t.Errorf("%+v", first)
		}
		if theirs != (first.Ratio != nil) || theirs != (first.Libcrypto != nil) || theirs != (first.Verdict != "") || theirs == (got.Missing != "") {
			t.Errorf("libcrypto there: %v, but %+v", theirs, got)
		}
	}
}

func TestThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{2.415: "2.42", 13.81: "13.8", 99.94: "99.9", 403.4: "403"} {
		if got := threeDigits(v); got != want {
			t.Error(v, got)
		}
	}
}
