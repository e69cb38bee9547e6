package asynctls

import (
	"errors"
	"os"
	"time"

	"asynccrypto/reactor"
)

// lingerFor bounds how long a closed connection, all of which its peer has, waits for that to close too.
const lingerFor = time.Second

// begin begins to end the connection: nothing is given to the Handler any more but its end.
func (c *ServerConn) begin(why error) {
	c.why, c.state = why, ending
	c.endWatch()
	c.countFailed()
}

// finish goes on with what Close has begun.
func (c *ServerConn) finish() { c.guard(func() { c.close(c.why) }) }

// close begins to end the connection, or goes on with that: first what is held is sent, then what the peer still sends is
// thrown away until it closes too.
func (c *ServerConn) close(why error) {
	if c.state >= discarding {
		return
	}
	if c.state < ending {
		c.begin(why)
	}
	held := c.sock.Buffered()
	switch err := c.c.Close(); {
	case err == ErrWantWrite:
		c.progress(held)
		c.setTimer()
		return
	case err != nil:
		c.end(err)
		return
	}
	c.state = discarding
	shutdownWrite(c.sock.FD())
	c.sock.unsent = unsent(c.sock.FD())
	if c.sock.discard(c.l.buf) != nil {
		c.end(nil)
		return
	}
	c.linger()
}

// lingered is called when lingerFor is over. Were the connection closed while the peer still sends, what the peer has not
// got would be lost; so there is as much time for that as for what Close sends.
func (c *ServerConn) lingered() {
	now := c.c.o.sinceEpoch()
	if left := unsent(c.sock.FD()); left < c.sock.unsent {
		c.sock.unsent, c.c.last = left, now
	}
	if c.sock.unsent == 0 || now >= c.c.last+c.c.o.closeTimeout() {
		c.end(nil)
		return
	}
	c.linger()
}

// linger sets the timer of a connection that has only to wait for its peer.
func (c *ServerConn) linger() { c.timeoutAfter(lingerFor) }

// end ends the connection here and now. why counts unless there is a reason already.
func (c *ServerConn) end(why error) {
	if c.state == over {
		return
	}
	begun := c.state >= ending
	if !begun {
		c.why = why
	}
	c.state = over
	c.endWatch()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.c.Abort()
	if c.sw != nil {
		c.sw.Remove()
	}
	c.l.conns.remove(c)
	// The user's functions last, for they may exit the goroutine, but before the fd is another's: they ask for addresses.
	defer c.release()
	switch {
	case c.open:
		c.l.s.figures.open.Add(-1)
		c.closed()
	case !begun:
		c.countFailed()
	}
}

func (c *ServerConn) release() {
	closeFD(c.sock.FD())
	c.sock.fd = -1
	if !c.open {
		<-c.l.s.pending
	}
	c.l.checkIdle()
}

// closed tells the Handler. The connection is over; there is nobody left whom a panic would concern.
func (c *ServerConn) closed() {
	defer func() { _ = recover() }()
	c.l.s.Handler.Closed(c, c.why)
}

// countFailed accounts for a handshake that did not succeed.
func (c *ServerConn) countFailed() {
	if c.open {
		return
	}
	f := &c.l.s.figures
	switch {
	case errors.Is(c.why, ErrServerClosed):
		f.canceled.Add(1)
		return
	case errors.Is(c.why, os.ErrDeadlineExceeded):
		f.timedOut.Add(1)
	default:
		f.failed.Add(1)
	}
	if c.l.s.Failed != nil {
		defer func() { _ = recover() }() // as for Closed
		c.l.s.Failed(c.RemoteAddr(), c.why)
	}
}

// endWatch ends the watch of the handshake's wakes.
func (c *ServerConn) endWatch() {
	if cb := c.c.wake.Load(); cb != nil {
		c.c.SetAsyncCallback(nil, nil)
		cb.arg.(*reactor.Watch).Remove()
	}
}
