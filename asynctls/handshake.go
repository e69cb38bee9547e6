package asynctls

import (
	"crypto/tls"
	"net"

	"asynccrypto/async"
)

// Handshake begins the handshake or goes on with it. It returns nil when it is done, one of the ErrWant errors when it
// can't go on, and else why it failed: crypto/tls's error, ErrEngine, or an *async.PanicError if one of Config's functions
// panicked. The alert that tells the peer is then held by the transport: call Close, as long as it wants to write, or the
// peer never learns why.
func (c *Conn) Handshake() error {
	if c.err != nil {
		return c.err
	}
	if c.phase != handshaking {
		return nil
	}
	if c.s == nil {
		c.newSession().shaking = true
	}
	over, err := c.drive(c.shake)
	if c.phase == closed { // from inside
		return c.err
	}
	c.flush()
	switch {
	case !over:
		return err
	case err != nil:
		c.err = err
		return err
	}
	c.phase, c.last = open, sinceEpoch()
	if c.jobs {
		c.jobs = c.tls.ConnectionState().Version < tls.VersionTLS13 // which has no renegotiation
	}
	return nil
}

// shake is the handshake's job.
func (c *Conn) shake(j async.Job) error { return c.tls.HandshakeContext(c.context(j)) }

// flush sends what it can. An error comes back from the next Write or Read.
func (c *Conn) flush() {
	if c.t.Buffered() > 0 {
		_ = c.t.Flush()
	}
}

// ready prepares for reading and writing: the handshake is done, and the transport holds no more than mark.
func (c *Conn) ready(mark int) error {
	if c.err != nil {
		return c.err
	}
	if c.phase != open {
		if err := c.Handshake(); err != nil {
			return err
		}
	}
	if c.t.Buffered() <= mark {
		return nil
	}
	if err := c.t.Flush(); err != nil {
		return err
	}
	if c.t.Buffered() > mark {
		return ErrWantWrite
	}
	return nil
}

func (c *Conn) highWater() int {
	if c.o.HighWater > 0 {
		return c.o.HighWater
	}
	return defaultHighWater
}

// Close ends the connection. A handshake under way is cancelled: its job unwinds and frees its place, and what an engine
// still computes is dropped. An open connection says close_notify. Close returns ErrWantWrite until the transport has sent
// what it holds, then closes that and returns its error; later calls return nil. It may be called at any time. Call it
// after an error of the other methods, too: what tells the peer, an alert, is lost otherwise. Use Deadline, or Abort, for
// a peer that takes nothing.
func (c *Conn) Close() error {
	if c.phase == closed {
		return nil
	}
	if c.s != nil && c.s.running {
		c.s.doomed = true
		return errReentered
	}
	if c.phase != closing {
		c.endSession()
		if c.phase == open {
			c.tls.Close() // says close_notify; what can fail is the transport, which says so below
		}
		c.end(closing, net.ErrClosed)
		c.last = sinceEpoch()
	}
	if c.t.Buffered() > 0 {
		if err := c.t.Flush(); err != nil {
			c.end(closed, nil)
			c.t.Close()
			return err
		}
		if c.t.Buffered() > 0 {
			return ErrWantWrite
		}
	}
	c.end(closed, nil)
	return c.t.Close()
}

// Abort is Close at once: what the transport still holds is lost. It wants nothing. Called from inside the handshake, by
// one of Config's functions, it ends the connection when that returns.
func (c *Conn) Abort() {
	switch {
	case c.phase == closed:
		return
	case c.s != nil && c.s.running:
		c.s.doomed = true
		return
	}
	c.endSession()
	c.end(closed, net.ErrClosed)
	c.t.Close()
}

// end notes that the connection is over. The first reason stays.
func (c *Conn) end(p phase, err error) {
	c.phase = p
	if c.err == nil {
		c.err = err
	}
}
