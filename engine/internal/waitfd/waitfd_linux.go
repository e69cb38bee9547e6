package waitfd

import (
	"asynccrypto/async"

	"golang.org/x/sys/unix"
)

// FD is an eventfd.
type FD int

// New returns an FD that is not signaled. Call Close when done.
func New() (FD, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return FD(fd), err
}

// Readable returns the descriptor that is readable while fd is signaled.
func (fd FD) Readable() async.FD { return async.FD(fd) }

// Signal makes the descriptor readable. An eventfd has room for 2^64 signals and there is one at
// a time, so it cannot fail.
func (fd FD) Signal() { unix.Write(int(fd), []byte{1, 1, 1, 1, 1, 1, 1, 1}) }

// Clear makes the descriptor unreadable again.
func (fd FD) Clear() {
	var n [8]byte
	unix.Read(int(fd), n[:])
}

// Close closes the descriptor.
func (fd FD) Close() { unix.Close(int(fd)) }
