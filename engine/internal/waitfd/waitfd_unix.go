//go:build unix && !linux

package waitfd

import (
	"syscall"

	"asynccrypto/async"

	"golang.org/x/sys/unix"
)

// FD is a pipe. It never holds more than one byte, because Signal and Clear alternate.
type FD struct{ r, w int }

// New returns an FD that is not signaled. Call Close when done.
func New() (FD, error) {
	var p [2]int
	syscall.ForkLock.RLock() // no child process may inherit the descriptors before they are marked
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return FD{}, err
	}
	fd := FD{p[0], p[1]}
	for _, end := range p {
		if err := unix.SetNonblock(end, true); err != nil {
			fd.Close()
			return FD{}, err
		}
	}
	return fd, nil
}

// Readable returns the descriptor that is readable while fd is signaled.
func (fd FD) Readable() async.FD { return async.FD(fd.r) }

// Signal makes the descriptor readable.
func (fd FD) Signal() { unix.Write(fd.w, []byte{1}) }

// Clear makes the descriptor unreadable again.
func (fd FD) Clear() {
	var b [1]byte
	unix.Read(fd.r, b[:])
}

// Close closes both ends.
func (fd FD) Close() {
	unix.Close(fd.r)
	unix.Close(fd.w)
}
