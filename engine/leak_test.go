package engine_test

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// openFDs counts the process's open files.
func openFDs(t *testing.T) int {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("can't count open files") // under wine /dev/fd is there, but lists the files of wine too
	}
	dir, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip("can't count open files:", err)
	}
	return len(dir)
}

// collectUntil runs the garbage collector until done returns true. Cleanups and exiting
// goroutines have no event to wait for; if something is held for ever, the test runs into go
// test's own timeout.
func collectUntil(t *testing.T, done func() bool) {
	t.Helper()
	for runtime.GC(); !done(); runtime.GC() {
		time.Sleep(5 * time.Millisecond)
	}
}
