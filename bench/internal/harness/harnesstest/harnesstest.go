// Package harnesstest helps to test the subjects of the benchmark.
package harnesstest

import (
	"os"
	"slices"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/internal/measure"
)

// Without skips a test where something is missing. In CI nothing may be.
func Without(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// Run returns a quick run of a subject, so that a busy machine does not make it measure twice.
func Run(t *testing.T, s harness.Subject, rounds int, slice time.Duration) *harness.Run {
	t.Helper()
	return harness.NewRun(s, rounds, slice, true, measure.NewProgress(t.Output()))
}

// Complete fails the test unless a row has exactly these columns, each with a positive figure
// for every round.
func Complete(t *testing.T, row *harness.Row, rounds int, heads ...string) {
	t.Helper()
	var got []string
	for _, v := range row.Values {
		got = append(got, v.Head)
		if len(v.Rounds) != rounds || v.Least <= 0 {
			t.Errorf("%s: %s is %+v", row.Name, v.Head, v.Series)
		}
		if v.Goal != (harness.Goal{}) && v.Verdict == "" {
			t.Errorf("%s: %s has no verdict", row.Name, v.Head)
		}
	}
	if !slices.Equal(got, heads) {
		t.Errorf("%s: columns %q, not %q", row.Name, got, heads)
	}
}

// Main is the TestMain of a subject: it lets the test binary be a process that measures, as the
// program is.
func Main(m *testing.M, s harness.Subject) {
	program := harness.Program{Subjects: []harness.Subject{s}}
	if isChild, err := program.BeChild(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	} else if isChild {
		return
	}
	// A program with the race detector sleeps for a second at its end, and a test starts dozens
	// of them.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	os.Exit(m.Run())
}
