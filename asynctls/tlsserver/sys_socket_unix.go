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
