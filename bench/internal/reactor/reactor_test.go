package reactor

import (
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
)

func instant(t *testing.T, rounds int) *harness.Result {
	t.Helper()
	run := harnesstest.Run(t, Subject(), rounds, time.Millisecond)
	if err := measure(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	run.Result.Conclude()
	return run.Result
}

func TestReactor(t *testing.T) {
	r := instant(t, 2)
	for _, missing := range r.Missing {
		harnesstest.Without(t, missing)
	}
	if len(r.Tables[0].Rows) != 2 {
		t.Errorf("%d rows", len(r.Tables[0].Rows))
	}
	for _, row := range r.Tables[0].Rows {
		harnesstest.Complete(t, row, 2, "C", "ours", "times as fast")
	}
}

// Ours is measured all the same without a compiler, and the report says what is missing.
func TestReactorWithoutCompiler(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	r := instant(t, 1)
	if len(r.Missing) != 1 {
		t.Error(r.Missing)
	}
	harnesstest.Complete(t, r.Tables[0].Rows[0], 1, "ours")
}
