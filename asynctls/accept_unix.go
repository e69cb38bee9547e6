//go:build unix

package asynctls

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// acceptor takes connections from a listener as fds of their own. A net.Conn's belongs to the runtime's poller, where
// each would cost memory and a wake that nobody waits for.
type acceptor struct {
	ln   net.Listener
	file *os.File // a second fd for the same socket: net's own lets nobody wait on it
	raw  syscall.RawConn
}

func newAcceptor(ln net.Listener) (*acceptor, error) {
	f, ok := ln.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("asynctls: a %T has no socket to accept from; use the listener that net.Listen returns", ln)
	}
	file, err := f.File()
	if err != nil {
		return nil, fmt.Errorf("asynctls: %w", err)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("asynctls: %w", err)
	}
	if _, ok := ln.(*net.TCPListener); ok {
		// As net does for each connection; here they inherit it.
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		})
	}
	return &acceptor{ln, file, raw}, nil
}

// close ends accept.
func (a *acceptor) close() {
	a.ln.Close()
	a.file.Close()
}

// accept waits for a connection. While the system is out of fds or memory it tries again now and then, until down.
func (a *acceptor) accept(down <-chan struct{}) (fd async.FD, err error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		var n int
		if failed := a.raw.Read(func(ln uintptr) bool {
			n, err = accept(int(ln))
			return err != unix.EAGAIN
		}); failed != nil {
			return 0, failed
		}
		switch {
		case err == nil:
			return async.FD(n), nil
		case err == unix.EINTR || err == unix.ECONNABORTED:
			wait = 5 * time.Millisecond
			continue
		case !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ENOMEM):
			return 0, err
		}
		select {
		case <-time.After(wait):
		case <-down:
			return 0, net.ErrClosed
		}
	}
}
