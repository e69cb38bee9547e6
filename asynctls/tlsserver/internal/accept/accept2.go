//go:build unix && !linux && !freebsd && !dragonfly

package accept

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func acceptFD(ln int) (int, syscall.Sockaddr, error) {
	syscall.ForkLock.RLock() // a child forked between the two calls would inherit the fd
	defer syscall.ForkLock.RUnlock()
	fd, sa, err := syscall.Accept(ln)
	if err != nil {
		return 0, nil, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return 0, nil, err
	}
	return fd, sa, nil
}
