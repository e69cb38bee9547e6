package tlsserver

import (
	"errors"
	"os"
	"runtime/debug"
)

// guard calls fn, which may call the Handler, and ends the connection if fn panics or exits the
// goroutine.
func (c *Conn) guard(fn func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil {
			v = errGoexit
		}
		c.end(&PanicError{v, debug.Stack()})
	}()
	fn()
	returned = true
}

// end ends the connection at once. The reason counts unless the end had begun already, with
// another.
func (c *Conn) end(reason error) {
	if c.state == closed {
		return
	}
	begun := c.state.ending()
	if !begun {
		c.reason = reason
	}
	c.state = closed
	c.removeWatch()
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.tls != nil {
		c.tls.Abort()
	}
	c.sock.closed = true
	if c.registration != nil {
		c.registration.Remove()
	}
	c.loop.conns.remove(c)
	// The user's functions are called last, because they may exit the goroutine, but while the
	// fd is still this connection's, because they ask for its addresses.
	defer c.release()
	switch {
	case c.handshaken:
		c.loop.server.counters.open.Add(-1)
		c.callClosed()
	case !begun:
		c.countFailed()
	}
}

// release closes the fd, and gives the connection's places in MaxPending and MaxConns to another.
func (c *Conn) release() {
	c.sock.release()
	if !c.handshaken {
		<-c.loop.server.pending
	}
	c.loop.server.leavePlace()
	c.loop.conns.checkIdle()
}

// callClosed calls the Handler's Closed. A panic in it is ignored: the connection that it would
// end is closed already.
func (c *Conn) callClosed() {
	defer func() { _ = recover() }()
	c.loop.server.Handler.Closed(c, c.reason)
}

// countFailed counts and reports a handshake that did not succeed.
func (c *Conn) countFailed() {
	if c.handshaken {
		return
	}
	s := c.loop.server
	switch {
	case errors.Is(c.reason, ErrClosed):
		s.counters.canceled.Add(1)
		return
	case errors.Is(c.reason, os.ErrDeadlineExceeded):
		s.counters.timedOut.Add(1)
	default:
		s.counters.failed.Add(1)
	}
	if s.Failed != nil {
		defer func() { _ = recover() }() // as in callClosed
		s.Failed(c.sock.RemoteAddr(), c.reason)
	}
}

// removeWatch ends the watch for the handshake's wakes.
func (c *Conn) removeWatch() {
	if c.watch != nil {
		c.tls.SetAsyncCallback(nil, nil)
		c.watch.Remove()
		c.watch = nil
	}
}
