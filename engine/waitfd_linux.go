package engine

import (
	"asynccrypto/async"

	"golang.org/x/sys/unix"
)

// waitFD is an eventfd. Its user sees to it that signal and clear alternate.
type waitFD int

func newWaitFD() (waitFD, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return waitFD(fd), err
}

func (fd waitFD) readable() async.FD { return async.FD(fd) }

// signal makes the fd readable. With room for 2^64 signals, and one at a time, it can't fail.
func (fd waitFD) signal() { unix.Write(int(fd), []byte{1, 1, 1, 1, 1, 1, 1, 1}) }

func (fd waitFD) clear() {
	var n [8]byte
	unix.Read(int(fd), n[:])
}

func (fd waitFD) close() { unix.Close(int(fd)) }
