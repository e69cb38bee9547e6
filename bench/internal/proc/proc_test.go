package proc

import (
	"os"
	"runtime"
	"slices"
	"testing"
)

// The figures of this process and of its parent are plausible.
func TestProc(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc is linux's")
	}
	self := os.Getpid()
	if parent, _, err := Stat(self); err != nil || parent != os.Getppid() {
		t.Error(parent, err)
	}
	if children, err := Children(os.Getppid()); err != nil || !slices.Contains(children, self) {
		t.Error(children, err)
	}
	rss, err := ResidentSet()
	if err != nil || rss < 1<<20 || rss > 1<<34 {
		t.Error(rss, err)
	}
	if pss, err := ProportionalSet(self); err != nil || pss < 1<<20 || pss > 1<<34 {
		t.Error(pss, err)
	}
	if n, err := Threads(); err != nil || n < 2 || n > 1000 {
		t.Error(n, err)
	}
	one, thereOne, err := BusyCPU(0)
	if err != nil || one <= 0 || one > thereOne {
		t.Error(one, thereOne, err)
	}
	if busy, there, err := Busy(); err != nil || busy < one || there < thereOne {
		t.Error(busy, there, err)
	}
	if _, _, err := BusyCPU(1 << 20); err == nil {
		t.Error("there is a CPU with a high number")
	}
	// The kernel counts both in its own way.
	if Computed(self) == 0 && Waited("self") > 0 {
		t.Error("it has waited and not computed")
	}
}
