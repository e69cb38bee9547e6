//go:build unix && !linux && !freebsd && !dragonfly

package asynctls

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func accept(ln int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock() // between the two calls a child would inherit it
	defer syscall.ForkLock.RUnlock()
	fd, sa, err := unix.Accept(ln)
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
