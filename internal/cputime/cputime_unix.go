//go:build unix

package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Process returns how long the process has computed so far, on all cores together; ok is false where that can't be told.
func Process() (d time.Duration, ok bool) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
