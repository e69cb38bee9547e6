package main

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"

	"golang.org/x/sys/unix"
)

const (
	maxConns      = 10_000 // connections at a time; further ones wait until the system accepts no more
	maxHandshakes = 1000   // handshakes under way at a time; further ones get ErrWantAsyncJob
)

// loop is an event loop. One goroutine runs it; only wake and stop are called from others.
type loop struct {
	config   *tls.Config
	options  asynctls.Options // its pool bounds the handshakes
	epoll    int
	listener *os.File
	listenFD int  // the listener's
	accepts  bool // epoll watches it
	conns    map[int32]*conn
	again    []*conn        // that have more to do, though epoll does not say so
	buf      [16 << 10]byte // the bytes read last, until they are written

	turns, handshakes, resumed int // for the last line that the program prints

	wakeFD int // an eventfd: readable when something is in woken, or ended is set
	mu     sync.Mutex
	woken  []*conn
	ended  bool // stop was called
}

// newLoop returns a loop that takes the connections of listener, and closes that.
func newLoop(listener *net.TCPListener) (l *loop, err error) {
	defer listener.Close()
	l = &loop{epoll: -1, wakeFD: -1, conns: make(map[int32]*conn)}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.options.Pool, err = async.NewPool(maxHandshakes, 0); err != nil {
		return l, err
	}
	l.options.HandshakeTimeout = 10 * time.Second
	l.options.IdleTimeout = 5 * time.Minute
	// File returns a duplicate, of which Go's own poller knows nothing.
	if l.listener, err = listener.File(); err != nil {
		return l, err
	}
	l.listenFD = int(l.listener.Fd()) // may make it blocking
	if err = unix.SetNonblock(l.listenFD, true); err != nil {
		return l, err
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return l, err
	}
	if l.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return l, err
	}
	if err = l.control(unix.EPOLL_CTL_ADD, l.wakeFD, unix.EPOLLIN); err != nil {
		return l, err
	}
	return l, l.acceptOn()
}

func (l *loop) control(op, fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// wake has the loop go on with c. Any goroutine may call it: it is the callback of each
// connection, which an engine calls, or a handshake that has left its place to another.
func (l *loop) wake(c *conn) {
	l.mu.Lock()
	l.woken = append(l.woken, c)
	first := len(l.woken) == 1
	l.mu.Unlock()
	if first { // one write for all that come before the loop looks
		l.signal()
	}
}

// stop ends the loop. Any goroutine may call it.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock() // after the signal: once the loop sees that it has ended, its fds are closed
	l.ended = true
	l.signal()
}

func (l *loop) signal() {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	unix.Write(l.wakeFD, one) // fails only when it is readable anyway
}

// run serves until stop is called.
func (l *loop) run() error {
	defer l.hangUpAll()
	events := make([]unix.EpollEvent, 256)
	for nextTick := time.Now().Add(time.Second); ; {
		timeout := 1000 // ms, for the deadlines of connections
		if len(l.again) > 0 {
			timeout = 0
		}
		n, err := unix.EpollWait(l.epoll, events, timeout)
		if err != nil && err != unix.EINTR {
			return err
		}
		l.turns++
		incoming := false
		for _, e := range events[:max(n, 0)] {
			switch int(e.Fd) {
			case l.wakeFD:
				unix.Read(l.wakeFD, make([]byte, 8)) // first, so that no wake after it is missed
				if l.stepWoken() {
					return nil
				}
			case l.listenFD:
				incoming = true
			default:
				c := l.conns[e.Fd]
				switch {
				case c == nil: // it was closed above
				case e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0:
					c.hangUp()
				default:
					c.step()
				}
			}
		}
		again := l.again
		l.again = nil
		for _, c := range again {
			if c.queued = false; !c.closed {
				c.step()
			}
		}
		if now := time.Now(); !now.Before(nextTick) {
			nextTick = now.Add(time.Second)
			l.tick()
		}
		// Last: a new connection may get the fd of one that was closed above, for which there
		// are events left.
		if incoming {
			l.accept()
		}
	}
}

// stepWoken lets the connections go on that were woken. It reports whether the loop is to end.
func (l *loop) stepWoken() (end bool) {
	l.mu.Lock()
	woken := l.woken
	l.woken = nil
	end = l.ended
	l.mu.Unlock()
	for _, c := range woken {
		if !c.closed { // a wake may come after the end
			c.step()
		}
	}
	return end
}

// later has the loop come back to c after it has looked at the others.
func (l *loop) later(c *conn) {
	if !c.queued {
		c.queued = true
		l.again = append(l.again, c)
	}
}

// watch has epoll watch c's socket for events.
func (l *loop) watch(c *conn, events uint32) {
	if events == c.events {
		return
	}
	if err := l.control(unix.EPOLL_CTL_MOD, c.fd, events); err != nil {
		c.tls.Abort() // the system has no memory: nothing would wake the connection
		l.remove(c)
		return
	}
	c.events = events
}

// accept takes the connections that wait.
func (l *loop) accept() {
	for len(l.conns) < maxConns {
		fd, _, err := unix.Accept4(l.listenFD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			l.add(fd)
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED:
		default: // no fds or no memory: waiting for them, not spinning
			l.acceptOff()
			return
		}
	}
	l.acceptOff() // until there is room: see tick
}

func (l *loop) acceptOff() {
	if l.accepts && l.control(unix.EPOLL_CTL_DEL, l.listenFD, 0) == nil {
		l.accepts = false
	}
}

func (l *loop) acceptOn() error {
	if l.accepts {
		return nil
	}
	err := l.control(unix.EPOLL_CTL_ADD, l.listenFD, unix.EPOLLIN)
	l.accepts = err == nil
	return err
}

func (l *loop) add(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // TLS writes whole flights
	c := &conn{loop: l, fd: fd, socket: asynctls.NewSocket(async.FD(fd)), events: unix.EPOLLIN}
	c.tls = asynctls.NewServerConn(c.socket, l.config, &l.options)
	c.tls.SetAsyncCallback(func(any) { l.wake(c) }, nil)
	if err := l.control(unix.EPOLL_CTL_ADD, fd, c.events); err != nil {
		c.tls.Abort()
		return
	}
	l.conns[int32(fd)] = c
}

// remove forgets a connection that is closed. The system has removed its fd from epoll when it
// was closed.
func (l *loop) remove(c *conn) {
	c.closed = true
	delete(l.conns, int32(c.fd))
}

// tick ends the connections whose time for the handshake, for idleness or for closing is over.
func (l *loop) tick() {
	for _, c := range l.conns {
		if c.tls.Timeout() != nil {
			l.remove(c)
		}
	}
	if len(l.conns) < maxConns {
		l.acceptOn() // an error leaves it to the next tick
	}
}

// hangUpAll sends close_notify on every connection whose socket takes it at once.
func (l *loop) hangUpAll() {
	for _, c := range l.conns {
		c.tls.Close()
		c.tls.Abort()
		l.remove(c)
	}
}

// close closes the fds and the pool, in which no job is left by then.
func (l *loop) close() {
	if l.options.Pool != nil {
		l.options.Pool.Close()
	}
	if l.listener != nil {
		l.listener.Close()
	}
	for _, fd := range []int{l.epoll, l.wakeFD} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
