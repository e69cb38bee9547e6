package cabi

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness/harnesstest"
)

// Each side is linked with the library that it is said to be of, and measures everything.
func TestCABI(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("cabi is measured on linux")
	}
	if _, err := exec.LookPath("make"); err != nil {
		harnesstest.Without(t, "make is not installed")
	}
	s, err := build(t.Context(), t.TempDir(), "openssl")
	if err != nil {
		harnesstest.Without(t, err.Error())
	}
	for program, counts := range map[string]bool{s.theirs: false, s.ours: true} {
		cmd := exec.Command(program, "time", "start-finish", "0", "1")
		cmd.Env = append(cmd.Environ(), "ASYNC_STATS=1")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "libasync: ") != counts {
			t.Errorf("%s: %v, %s", program, err, out)
		}
	}
	s.run, s.cpu = harnesstest.Run(t, Subject(), 1, time.Microsecond), -1
	if err := s.run.Pairs(t.Context(), s.pairs()); err != nil {
		t.Fatal(err)
	}
	s.run.Result.Conclude()
	for _, table := range s.run.Result.Tables {
		for _, row := range table.Rows {
			harnesstest.Complete(t, row, 1, "libcrypto", "ours", "times as fast")
		}
	}
}
