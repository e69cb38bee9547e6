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
	dir, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip("can't count open files:", err)
	}
	return len(dir)
}

// collectUntil runs the garbage collector until done, for which it must be given real time:
// finalization and exiting goroutines have no event to wait for.
func collectUntil(t *testing.T, done func() bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("something is still held after a second of collecting")
}
