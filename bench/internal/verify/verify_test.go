package verify

import (
	"testing"
	"time"

	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/bench/internal/ops/opstest"
	"asynccrypto/engine/multibuffer"
)

func TestMain(m *testing.M) { harnesstest.Main(m, Subject()) }

// A run has every row of every table.
func TestMeasure(t *testing.T) {
	all := tokens
	t.Cleanup(func() { tokens = all })
	tokens = all[2:3] // the others take seconds
	o := options{keys: 2}
	include, lib := opstest.CryptoMB(t)
	o.cryptoMB = include + "," + lib
	vectorized, _ := multibuffer.Supported()
	run := harnesstest.Run(t, Subject(), 1, time.Millisecond)
	if err := o.measure(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	run.Result.Conclude()
	if len(run.Result.Tables) != 5 {
		t.Fatalf("%d tables, not 5", len(run.Result.Tables))
	}
	full := []string{"crypto/*", "multibuffer", "times as fast as crypto/*"}
	if vectorized {
		full = append(full, "batch")
	}
	for i, heads := range [][]string{
		full,
		{"a direct call", "multibuffer", "times as fast as a direct call"},
		{"the operation by crypto/*", "wrapping", "times as fast"},
		{"golang-jwt", "wrapped key", "times as fast"},
		{"crypto_mb", "our kernels", "times as fast"},
	} {
		table := run.Result.Tables[i]
		want := []int{9, 9, 6, 1, 9}[i]
		if len(table.Rows) != want {
			t.Errorf("%s: %d rows, not %d", table.Title, len(table.Rows), want)
		}
		for _, row := range table.Rows {
			if i == 4 && !vectorized {
				if row.Skipped == "" {
					t.Errorf("%s is not skipped", row.Name)
				}
				continue
			}
			harnesstest.Complete(t, row, 1, heads...)
		}
	}
	if _, err := (&options{keys: 0}).check(); err == nil {
		t.Error("no keys")
	}
	o.cryptoMB = t.TempDir()
	if err := o.measure(t.Context(), harnesstest.Run(t, Subject(), 1, time.Millisecond)); err == nil {
		t.Error("there is no crypto_mb in", o.cryptoMB)
	}
}
