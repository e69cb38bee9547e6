// Package nice lowers the priority of a thread.
package nice

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Add adds n to the niceness of the calling thread. On Linux each thread has its own. Lowering it
// again takes a privilege, so lock the goroutine to its thread first and let the thread end with
// the goroutine.
func Add(n int) error {
	// The system call returns 20 minus the niceness, so that no value looks like an error.
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, 0, 20-now+n)
	}
	if err != nil {
		return fmt.Errorf("nice %d: %w", n, err)
	}
	return nil
}

// Yield lets other threads run, if any want to. Otherwise the scheduler lets a thread of low
// priority finish its slice of some milliseconds first. Go's scheduler is not told, so it does not
// wake the runtime's monitor: see package rawio.
func Yield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
