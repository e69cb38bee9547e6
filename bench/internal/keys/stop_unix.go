//go:build unix

package keys

import (
	"os"
	"syscall"
)

// stop stops a process, which goes on being there.
func stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }
