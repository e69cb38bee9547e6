package main

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestCABI measures for an instant, with both sides what they are said to be.
func TestCABI(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("cabi is measured on linux")
	}
	if _, err := exec.LookPath("make"); err != nil {
		without(t, "make is not installed")
	}
	dir := t.TempDir()
	s, err := buildCABI(t.Context(), dir, "openssl")
	if err != nil {
		without(t, err.Error())
	}
	for program, counts := range map[string]bool{s.theirs: false, s.ours: true} {
		cmd := exec.Command(program, "time", "start-finish", "0", "1")
		cmd.Env = append(cmd.Environ(), "ASYNC_STATS=1")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "libasync: ") != counts {
			t.Errorf("%s: %v, %s", program, err, out)
		}
	}
	p := plan{measures: cabiMeasures, rounds: 2, time: time.Microsecond}
	if testing.Short() {
		p.rounds = 1
	}
	f, err := p.measureCABI(t.Context(), "openssl", newProgress(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Rows {
		if r.Ratio == nil || r.Verdict == "" || r.Unit != "ns/op" || r.Ratio.Min <= 0 {
			t.Errorf("%s: %+v", r.Name, r)
		}
	}
}
