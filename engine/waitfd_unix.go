//go:build unix && !linux

package engine

import (
	"syscall"

	"asynccrypto/async"

	"golang.org/x/sys/unix"
)

// waitFD is a pipe. Its user sees to it that signal and clear alternate, so it never holds more than a byte.
type waitFD struct{ r, w int }

func newWaitFD() (waitFD, error) {
	var p [2]int
	syscall.ForkLock.RLock() // no child may inherit them before they are marked
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return waitFD{}, err
	}
	fd := waitFD{p[0], p[1]}
	for _, end := range p {
		if err := unix.SetNonblock(end, true); err != nil {
			fd.close()
			return waitFD{}, err
		}
	}
	return fd, nil
}

func (fd waitFD) readable() async.FD { return async.FD(fd.r) }

func (fd waitFD) signal() { unix.Write(fd.w, []byte{1}) }

func (fd waitFD) clear() {
	var b [1]byte
	unix.Read(fd.r, b[:])
}

func (fd waitFD) close() {
	unix.Close(fd.r)
	unix.Close(fd.w)
}
