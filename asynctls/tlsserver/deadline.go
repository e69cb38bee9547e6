package tlsserver

import (
	"fmt"
	"os"
	"time"
)

const (
	defaultHandshakeTimeout = 10 * time.Second
	// drainTime is how long a connection whose output has all arrived waits for its peer to
	// close too.
	drainTime = time.Second
)

// epoch is the time from which connections count: a Duration takes a third of a Time's memory.
var epoch = time.Now()

func (l *loop) now() time.Duration { return l.reactor.Now().Sub(epoch) }

// timeLimit returns how long the connection may stay as it is since c.last, 0 or less for ever,
// and the error's text for when that is over.
func (c *Conn) timeLimit() (d time.Duration, text string) {
	s := c.loop.server
	switch c.state {
	case fresh, handshaking:
		return s.handshakeTimeout(), "handshake not done within"
	case open, halfClosed:
		return s.IdleTimeout, "nothing read or written for"
	case closing:
		return s.closeTimeout(), "connection closed, and the peer took nothing for"
	}
	return 0, ""
}

func (s *Server) handshakeTimeout() time.Duration {
	if s.HandshakeTimeout == 0 {
		return defaultHandshakeTimeout
	}
	return s.HandshakeTimeout
}

// closeTimeout always has a bound, because nothing else would end a connection that the Handler
// has closed.
func (s *Server) closeTimeout() time.Duration {
	if d := s.handshakeTimeout(); d > 0 {
		return d
	}
	return defaultHandshakeTimeout
}

// active moves the deadline: a byte was read, written or sent.
func (c *Conn) active() {
	if c.loop.server.IdleTimeout > 0 || c.state == closing {
		c.last = c.loop.now()
	}
}

// noteSent moves the deadline if the peer has taken some of the bytes that were held.
func (c *Conn) noteSent(held int) {
	if c.sock.Buffered() < held {
		c.active()
	}
}

// setTimer sets the timer to the connection's next deadline, if it has one.
func (c *Conn) setTimer() {
	if d, _ := c.timeLimit(); d > 0 {
		c.setTimerAfter(c.last + d - c.loop.now())
	} else if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// setTimerAfter sets the timer, which most idle connections do not have.
func (c *Conn) setTimerAfter(d time.Duration) {
	if c.timer == nil {
		c.timer = c.loop.reactor.After(d, c.handleTimer)
	} else {
		c.timer.Reset(d)
	}
}

func (c *Conn) handleTimer() {
	c.guard(func() {
		if c.state == draining {
			c.checkDrained()
			return
		}
		d, text := c.timeLimit()
		if d > 0 && c.loop.now() >= c.last+d {
			c.end(fmt.Errorf("tlsserver: %s %v: %w", text, d, os.ErrDeadlineExceeded))
			return
		}
		c.setTimer()
	})
}

// checkDrained ends a connection whose peer has not closed within drainTime. If the fd were
// closed while the peer still sends, the bytes that the peer has not got would be lost, so
// there is as much time for these as for output that is held.
func (c *Conn) checkDrained() {
	now := c.loop.now()
	if left := unsent(c.sock.FD()); left < c.sock.unsent {
		c.sock.unsent, c.last = left, now
	}
	if c.sock.unsent == 0 || now >= c.last+c.loop.server.closeTimeout() {
		c.end(nil)
		return
	}
	c.setTimerAfter(drainTime)
}
