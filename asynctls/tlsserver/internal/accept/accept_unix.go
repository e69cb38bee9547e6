//go:build unix

package accept

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls/internal/sockaddr"
)

// Listener accepts connections.
type Listener struct {
	ln   net.Listener
	file *os.File // a second fd of the socket, because net's own cannot be waited on
	raw  syscall.RawConn
	// A connection has the listener's options, if that has them, unless it arrived before New. Those
	// come first: once there was nothing to accept, all of them have been accepted.
	hasOptions bool
	early      bool // a connection may have arrived before New
}

// New returns a Listener that accepts ln's connections. ln must be a *net.TCPListener or a
// *net.UnixListener of stream sockets. Other types are refused even if they have a File method:
// the Accept method of a listener that wraps one of the two would be bypassed.
func New(ln net.Listener) (*Listener, error) {
	var file *os.File
	var err error
	switch ln := ln.(type) {
	case *net.TCPListener:
		file, err = ln.File()
	case *net.UnixListener:
		if network := ln.Addr().Network(); network != "unix" {
			return nil, fmt.Errorf("tlsserver: cannot serve TLS on a %s socket; use network \"unix\"", network)
		}
		file, err = ln.File()
	default:
		return nil, fmt.Errorf("tlsserver: cannot accept from a %T; use the listener that net.Listen returns", ln)
	}
	if err != nil {
		return nil, fmt.Errorf("tlsserver: %w", err)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("tlsserver: %w", err)
	}
	l := &Listener{ln: ln, file: file, raw: raw, early: true}
	if runtime.GOOS == "linux" { // where connections inherit the options, of TCP and of MPTCP
		err := raw.Control(func(fd uintptr) { l.hasOptions = setOptions(int(fd)) == nil })
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("tlsserver: %w", err)
		}
	}
	return l, nil
}

// setOptions sets the options that package net sets on each TCP connection. A failure does no
// harm to a connection.
func setOptions(fd int) error {
	err := errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
	)
	if runtime.GOOS == "linux" { // other systems keep their default times
		const keepIdle, keepInterval = 4, 5 // TCP_KEEPIDLE and TCP_KEEPINTVL
		err = errors.Join(err,
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepIdle, 15),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepInterval, 15),
		)
	}
	return err
}

// Close closes the listener too, and ends Accept.
func (l *Listener) Close() {
	l.ln.Close()
	l.file.Close()
}

// Accept waits for a connection. After an error that concerns one connection only, or that will
// pass, such as a lack of fds or memory, it waits a while and tries again, until stop is
// closed; accept(2) also returns the errors of a network, which are one peer's. Any other error
// means that the listener is closed or broken.
func (l *Listener) Accept(stop <-chan struct{}) (p Peer, err error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		var fd int
		var sa syscall.Sockaddr
		if closed := l.raw.Read(func(ln uintptr) bool {
			if fd, sa, err = acceptFD(int(ln)); err == unix.EAGAIN {
				l.early = false
				return false
			}
			return true
		}); closed != nil {
			return p, closed
		}
		switch err {
		case nil:
			p = Peer{async.FD(fd), sockaddr.AddrPort(sa)}
			if p.Remote.IsValid() && (l.early || !l.hasOptions) {
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
		case <-stop:
			return p, net.ErrClosed
		}
	}
}
