package cputime

import (
	"time"

	"golang.org/x/sys/windows"
)

// Process returns the CPU time that the process has used so far, on all cores together. ok is
// false if the system does not report it.
func Process() (d time.Duration, ok bool) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return 0, false
	}
	ticks := func(f windows.Filetime) int64 { return int64(f.HighDateTime)<<32 + int64(f.LowDateTime) } // of 100 ns
	return time.Duration(100 * (ticks(kernel) + ticks(user))), true
}
