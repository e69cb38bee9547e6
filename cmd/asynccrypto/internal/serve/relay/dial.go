//go:build unix

package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/reactor"
)

// dialer connects to a backend without blocking the event loop on which all of it runs. It tries
// the backend's addresses in turn, and ends with a call of connected or failed, unless cancel
// comes first.
type dialer struct {
	loop    *reactor.Loop
	backend *Backend
	// connected takes over the socket, and the watch, whose events go to event from then on.
	connected func(*asynctls.Socket, *reactor.Socket)
	event     func(reactor.Events)
	failed    func(error)

	timer *reactor.Timer
	addrs []netip.AddrPort // those that are left to try, the present one first
	sock  *asynctls.Socket // the connection in progress, or nil
	watch *reactor.Socket
	ended bool
}

// fullQueueRetry is the time between attempts to connect to a unix socket whose listener's queue
// is full.
const fullQueueRetry = 10 * time.Millisecond

// dial begins to connect. The timeout is for all the backend's addresses together.
func (d *dialer) dial(timeout time.Duration) {
	d.addrs = d.backend.addresses()
	d.timer = d.loop.After(timeout, func() {
		d.fail(fmt.Errorf("no connection within %v (-dial-timeout)", timeout))
	})
	d.next(errors.New("it has no address"))
}

// next tries the addresses that are left. The parameter err is the error of the last one.
func (d *dialer) next(err error) {
	for len(d.addrs) > 0 {
		d.drop() // the socket of the address tried before
		addr := d.backend.sockaddr(d.addrs[0])
		var fd int
		if fd, err = openSocket(addr); err != nil {
			break // out of fds: the next address would fail too
		}
		switch err = unix.Connect(fd, addr); err {
		case nil, unix.EINPROGRESS, unix.EINTR:
			d.sock = asynctls.NewSocket(async.FD(fd))
			if d.watch, err = d.loop.Socket(async.FD(fd), d.ready); err == nil {
				return // an event tells the outcome
			}
		case unix.EAGAIN: // the queue of a unix socket's listener is full, and no event tells when it has room
			unix.Close(fd)
			d.loop.After(fullQueueRetry, func() {
				if !d.ended {
					d.next(err)
				}
			})
			return
		default:
			unix.Close(fd)
		}
		d.addrs = d.addrs[1:]
	}
	d.fail(err)
}

// ready is called by the loop with the events of the socket.
func (d *dialer) ready(ev reactor.Events) {
	if d.sock != nil && !d.established() {
		return
	}
	d.event(ev)
}

// established reports whether the connection stands, and passes it on if it does. If it has
// failed, the next address is tried.
func (d *dialer) established() bool {
	fd := int(d.sock.FD())
	err := socketError(fd)
	if err == nil {
		var peer unix.Sockaddr
		if peer, err = unix.Getpeername(fd); err == unix.ENOTCONN {
			return false // not yet
		}
		// If no server listens on a port that the system also gives to clients, a socket may
		// connect to itself.
		if own, _ := unix.Getsockname(fd); err == nil && sameTCP(own, peer) {
			err = unix.ECONNREFUSED
		}
	}
	if err != nil {
		d.addrs = d.addrs[1:]
		d.next(err)
		return false
	}
	d.timer.Stop()
	d.ended = true
	sock, watch := d.sock, d.watch
	d.sock, d.watch = nil, nil
	d.connected(sock, watch)
	return true
}

// socketError returns the error that has ended a connection, or the attempt to make one. The system
// reports an error once.
func socketError(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return err
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

func (d *dialer) fail(err error) {
	if !d.ended {
		d.cancel()
		d.failed(err)
	}
}

// cancel gives up a connection in progress. After the dialer has ended it does nothing.
func (d *dialer) cancel() {
	d.ended = true
	d.timer.Stop()
	d.drop()
}

func (d *dialer) drop() {
	if d.sock == nil {
		return
	}
	if d.watch != nil {
		d.watch.Remove()
	}
	d.sock.Close()
	d.sock, d.watch = nil, nil
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
