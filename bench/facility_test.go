package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// without skips a test where something is missing. In CI nothing may be.
func without(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// instant measures everything for a moment, but the memory of 100,000 paused jobs.
func instant() plan {
	ms := slices.DeleteFunc(slices.Clone(facilityMeasures), measure.isMemory)
	return plan{measures: ms, rounds: 2, time: time.Millisecond}
}

func TestFacility(t *testing.T) {
	p := instant()
	var shown strings.Builder
	f, err := p.measure(t.Context(), progress{&shown})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range f.Rows {
		if r.Ours == nil || len(r.Ours.Rounds) != p.rounds || r.Ours.Min <= 0 || r.OurAllocs == nil {
			t.Errorf("%s: ours is %+v", r.Name, r)
		}
		if !strings.Contains(shown.String(), "round 2 of 2: "+p.measures[i].name) {
			t.Errorf("%s: no progress was shown", r.Name)
		}
	}
	if !strings.HasSuffix(shown.String(), eraseLine) {
		t.Error("the progress line stays")
	}
	if f.Missing != "" {
		without(t, f.Missing)
	}
	if f.Machine.Libcrypto == "" {
		t.Error("no version of libcrypto")
	}
	for _, r := range f.Rows {
		if r.Theirs == nil || len(r.Theirs.Rounds) != p.rounds || r.Theirs.Min <= 0 || r.TheirAllocs == nil {
			t.Errorf("%s: libcrypto's is %+v", r.Name, r)
		}
		if r.Ratio == nil || r.Verdict == "" {
			t.Errorf("%s: no conclusion in %+v", r.Name, r)
		}
	}
}

// TestFacilityWithoutCompiler: ours is measured all the same, and the report says what is missing.
func TestFacilityWithoutCompiler(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	p := instant()
	p.measures, p.rounds = p.measures[:1], 1
	f, err := p.measure(t.Context(), newProgress(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.Missing, "no-such-compiler") || f.Rows[0].Ours == nil || f.Rows[0].Ratio != nil {
		t.Errorf("%+v, %+v", f, f.Rows[0])
	}
}

// TestPausedJobsInC runs the one measurement that TestFacility leaves out, with fewer jobs.
func TestPausedJobsInC(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("reads /proc, which only linux has")
	}
	bin, err := compileC(t.Context(), t.TempDir(), "facility", facilityC)
	if err == nil {
		_, err = libcryptoVersion(t.Context(), bin)
	}
	if err != nil {
		without(t, err.Error())
	}
	// A job touches a page of its stack at the least.
	if bytes, err := measureC(t.Context(), noPin, bin, "rss", "1000"); err != nil || bytes < 4096 || bytes > 1<<16 {
		t.Error(bytes, err)
	}
	if v, err := measureC(t.Context(), noPin, bin, "time", "nonsense", "0", "1"); err == nil || !strings.Contains(err.Error(), "no measure named") {
		t.Error(v, err)
	}
}
