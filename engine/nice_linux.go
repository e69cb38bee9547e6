package engine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setNice adds to the calling thread's niceness; on Linux that is each thread's own. To lower it takes a privilege.
func setNice(nice int) error {
	// The system call returns 20 minus the niceness, so that no value looks like an error.
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, 0, 20-now+nice)
	}
	if err != nil {
		return fmt.Errorf("nice %d: %w", nice, err)
	}
	return nil
}

// yield lets other threads run, if any want to. The scheduler would let a thread of low priority finish its slice of some
// milliseconds first.
func yield() { unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
