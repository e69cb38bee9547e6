package gid

import "runtime"

// Callbacks returns how many calls from C into Go are open on the calling goroutine's stack: 0 in
// most programs, 1 in a function that C has called, 2 if that function has called C and C has
// called Go again.
func Callbacks() int {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(1, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 4*len(pcs))
		n = runtime.Callers(1, pcs)
	}
	count := 0
	frames := runtime.CallersFrames(pcs[:n])
	for more := n > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function == "runtime.cgocallbackg" {
			count++
		}
	}
	return count
}
