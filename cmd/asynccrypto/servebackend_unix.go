//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// backend is where a proxy connects to. Its name is looked up once: to look it up would block the loops.
type backend struct {
	name  string
	path  string           // of a unix socket
	addrs []netip.AddrPort // else
}

// newBackend takes HOST:PORT or unix:PATH.
func newBackend(text string) (*backend, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" || len(path) > 100 {
			return nil, usagef("-proxy %q: give unix:PATH, with a path of 1 to 100 bytes", text)
		}
		return &backend{name: text, path: path, addrs: make([]netip.AddrPort, 1)}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return nil, usagef("-proxy %q: not HOST:PORT, nor unix:PATH", text)
	}
	if host == "" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil || n == 0 {
		return nil, usagef("-proxy %q: no such port as %q", text, port)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("-proxy %s: %w", text, err)
	}
	b := &backend{name: text}
	for _, ip := range ips {
		b.addrs = append(b.addrs, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
	}
	return b, nil
}

// sockaddr returns the address with that number as the system has it. Each caller needs one of its own: package unix
// writes into it.
func (b *backend) sockaddr(i int) unix.Sockaddr {
	if b.path != "" {
		return &unix.SockaddrUnix{Name: b.path}
	}
	ip, port := b.addrs[i].Addr(), int(b.addrs[i].Port())
	if ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: port}
	}
	a := &unix.SockaddrInet6{Addr: ip.As16(), Port: port}
	if ip.Zone() != "" {
		if i, err := net.InterfaceByName(ip.Zone()); err == nil {
			a.ZoneId = uint32(i.Index)
		}
	}
	return a
}

// dial begins to connect, within the time for all the backend's addresses together.
func (r *relay) dial() {
	r.timer = r.c.Loop().After(r.p.dialTimeout, func() {
		r.fail(fmt.Errorf("no connection within %v (-dial-timeout)", r.p.dialTimeout))
	})
	r.dialNext(errors.New("it has no address"))
}

// dialNext tries the addresses that are left; err is why the last one did not do.
func (r *relay) dialNext(err error) {
	for r.tried < len(r.p.backend.addrs) {
		r.dropSocket(false) // of the address tried before
		addr := r.p.backend.sockaddr(r.tried)
		var fd int
		if fd, err = openSocket(addr); err != nil {
			break // out of fds: the next one would not do either
		}
		switch err = unix.Connect(fd, addr); err {
		case nil, unix.EINPROGRESS, unix.EINTR:
			if err = r.take(fd); err == nil {
				return // the rest is told by an event
			}
		case unix.EAGAIN: // the queue of a unix socket's listener is full, and nothing tells when it has room
			unix.Close(fd)
			r.c.Loop().After(10*time.Millisecond, func() {
				if !r.closed && r.sock == nil {
					r.dialNext(err)
				}
			})
			return
		default:
			unix.Close(fd)
		}
		r.tried++
	}
	r.fail(err)
}

// dialled looks whether the connection stands.
func (r *relay) dialled() bool {
	fd := int(r.sock.FD())
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
	case code != 0:
		err = syscall.Errno(code)
	default:
		var peer unix.Sockaddr
		if peer, err = unix.Getpeername(fd); err == unix.ENOTCONN {
			return false // not yet
		}
		// Nobody listens on a port that the system also gives to clients: such a socket may come to connect to itself.
		if own, _ := unix.Getsockname(fd); err == nil && sameTCP(own, peer) {
			err = unix.ECONNREFUSED
		}
	}
	if err != nil {
		r.tried++
		r.dialNext(err)
		return false
	}
	r.connected = true
	r.timer.Stop()
	r.c.Resume()
	return true
}

func sameTCP(a, b unix.Sockaddr) bool {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		b, ok := b.(*unix.SockaddrInet4)
		return ok && a.Port == b.Port && a.Addr == b.Addr
	case *unix.SockaddrInet6:
		b, ok := b.(*unix.SockaddrInet6)
		return ok && a.Port == b.Port && a.Addr == b.Addr
	}
	return false
}

// fail closes a connection for which there is no backend.
func (r *relay) fail(err error) {
	if r.closed {
		return
	}
	r.logBackend(err)
	r.c.Abort()
}

func (r *relay) logBackend(err error) {
	r.p.log.failed("backend "+r.p.backend.name, "for "+peerName(r.c.RemoteAddr()), errorText(err))
}

func errorText(err error) string {
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err.Error()
}

// openSocket returns a non-blocking socket for addr.
func openSocket(addr unix.Sockaddr) (int, error) {
	family := unix.AF_INET6
	switch addr.(type) {
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fcntl", err)
	}
	if family != unix.AF_UNIX {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	return fd, nil
}
