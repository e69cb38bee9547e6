//go:build unix

package asynctls

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls/internal/sockaddr"
	"asynccrypto/internal/rawio"
)

// readFD reads the bytes that have arrived. Its errors are those of [Transport].Read.
func readFD(fd async.FD, p []byte) (int, error) {
	for {
		n, err := rawio.Read(int(fd), p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, ErrWouldBlock
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// writeFD writes as much of p as the system takes, which may be nothing.
func writeFD(fd async.FD, p []byte) (int, error) {
	for {
		n, err := rawio.Write(int(fd), p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, nil
		case err != nil:
			return 0, os.NewSyscallError("write", err)
		default:
			return n, nil
		}
	}
}

func closeFD(fd async.FD) error { return os.NewSyscallError("close", unix.Close(int(fd))) }

// unblock makes fd non-blocking. Many fds come from os.File's Fd, which makes them blocking,
// and a blocking Read or Write of package rawio would hold up more than its own goroutine. If
// unblock fails, reading and writing will fail too.
func unblock(fd async.FD) { unix.SetNonblock(int(fd), true) }

func localAddr(fd async.FD) net.Addr {
	sa, _ := syscall.Getsockname(int(fd))
	return sockaddr.Addr(sa)
}

func remoteAddr(fd async.FD) net.Addr {
	sa, _ := syscall.Getpeername(int(fd))
	return sockaddr.Addr(sa)
}
