//go:build unix

package tlsserver

import (
	"syscall"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// socketError returns the error that has broken the connection, such as a reset, or nil. It reads
// nothing, so input that has arrived before stays. The system reports an error once.
func socketError(fd async.FD) error {
	code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return err
}

// peek reads input that stays in the socket. At the end of the stream it returns 0.
func peek(fd async.FD, p []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(int(fd), p, unix.MSG_PEEK)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// wouldBlock reports whether the error says that there is no input.
func wouldBlock(err error) bool { return err == unix.EAGAIN }
