//go:build unix

package asynctls

import (
	"fmt"
	"net"
	"os"
	"runtime"
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
	var file *os.File
	var err error
	switch ln := ln.(type) { // not whatever has File: the Accept of a listener around one of these would be passed by
	case *net.TCPListener:
		file, err = ln.File()
	case *net.UnixListener:
		if network := ln.Addr().Network(); network != "unix" {
			return nil, fmt.Errorf("asynctls: can't serve TLS on a %s socket; use one of unix", network)
		}
		file, err = ln.File()
	default:
		return nil, fmt.Errorf("asynctls: can't accept from a %T; use the listener that net.Listen returns", ln)
	}
	if err != nil {
		return nil, fmt.Errorf("asynctls: %w", err)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("asynctls: %w", err)
	}
	return &acceptor{ln, file, raw}, nil
}

// setOptions sets what net sets for each connection of TCP. They could have it from the listener, but not those that
// came before Serve. Failures do no harm.
func setOptions(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	if runtime.GOOS == "linux" { // elsewhere the system's hours
		const keepIdle, keepInterval = 4, 5 // TCP_KEEPIDLE and TCP_KEEPINTVL, which not every system names
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepIdle, 15)
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepInterval, 15)
	}
}

// close ends accept.
func (a *acceptor) close() {
	a.ln.Close()
	a.file.Close()
}

// accept waits for a connection. What goes wrong with one, or passes by, as the lack of fds or memory, makes it try again
// after a while, until down: accept(2) passes on the errors of a network that are a peer's own.
func (a *acceptor) accept(down <-chan struct{}) (p peer, err error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		var fd int
		var sa unix.Sockaddr
		if failed := a.raw.Read(func(ln uintptr) bool {
			fd, sa, err = accept(int(ln))
			return err != unix.EAGAIN
		}); failed != nil {
			return p, failed
		}
		switch err {
		case nil:
			p = peer{async.FD(fd), addrPort(sa)}
			if p.remote.IsValid() {
				setOptions(fd)
			}
			return p, nil
		case unix.EINTR, unix.ECONNABORTED:
			wait = 5 * time.Millisecond
			continue
		case unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP:
			return p, err
		}
		select {
		case <-time.After(wait):
		case <-down:
			return p, net.ErrClosed
		}
	}
}
