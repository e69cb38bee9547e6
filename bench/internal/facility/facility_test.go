package facility

import (
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
)

// instant measures everything for a moment, but the memory of 100,000 paused jobs.
func instant(t *testing.T, rounds int, measures []measure) *harness.Result {
	t.Helper()
	run := harnesstest.Run(t, Subject(), rounds, time.Millisecond)
	if err := measureAll(t.Context(), run, measures, false); err != nil {
		t.Fatal(err)
	}
	run.Result.Conclude()
	return run.Result
}

func TestFacility(t *testing.T) {
	r := instant(t, 2, measures)
	for _, missing := range r.Missing {
		harnesstest.Without(t, missing)
	}
	if len(r.Beside) != 1 || !strings.Contains(r.Beside[0], " ") {
		t.Errorf("no version of libcrypto: %q", r.Beside)
	}
	rows := r.Tables[0].Rows
	if len(rows) != len(measures) {
		t.Errorf("%d rows of %d measures", len(rows), len(measures))
	}
	for _, row := range rows {
		harnesstest.Complete(t, row, 2, "libcrypto", "ours", "times as fast")
		if !strings.Contains(row.Remark, "ours ") {
			t.Errorf("%s: no allocations in %q", row.Name, row.Remark)
		}
	}
}

// Ours is measured all the same without a compiler, and the report says what is missing.
func TestFacilityWithoutCompiler(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	r := instant(t, 1, measures[:1])
	if len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "no-such-compiler") {
		t.Error(r.Missing)
	}
	harnesstest.Complete(t, r.Tables[0].Rows[0], 1, "ours")
}

// TestPausedJobsInC runs the one measurement that TestFacility leaves out, with fewer jobs.
func TestPausedJobsInC(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("reads /proc, which only linux has")
	}
	bin, err := compile(t.Context(), t.TempDir(), new(harness.Result))
	if err != nil {
		harnesstest.Without(t, err.Error())
	}
	// A job touches a page of its stack at the least.
	if bytes, _, err := harness.MeasureC(t.Context(), harness.NoPin, bin, "rss", "1000"); err != nil || bytes < 4096 || bytes > 1<<16 {
		t.Error(bytes, err)
	}
	if v, _, err := harness.MeasureC(t.Context(), harness.NoPin, bin, "time", "nonsense", "0", "1"); err == nil || !strings.Contains(err.Error(), "no measure named") {
		t.Error(v, err)
	}
}
