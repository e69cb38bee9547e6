package asynctls

import "time"

// epoch is what times are counted from: a Duration takes a third of a Time's memory.
var epoch = time.Now()

func sinceEpoch() time.Duration { return time.Since(epoch) }

// Deadline returns when Timeout is to be called if nothing has happened until then: at the end of the time for the
// handshake, also that of a renegotiation, for idleness, or for what Close still has to send. It is zero for never. It
// moves with every byte read or written, so a timer need not: let it call Timeout, and set it again to the new Deadline. A
// Conn has no timer of its own.
func (c *Conn) Deadline() time.Time {
	if after, _ := c.patience(); after > 0 {
		return epoch.Add(c.last + after)
	}
	return time.Time{}
}

// Timeout ends the connection, as Abort does, if its Deadline has passed, and returns the error that all later calls
// return: os.ErrDeadlineExceeded to errors.Is, unless the connection had failed before. Else it does nothing and returns
// nil.
func (c *Conn) Timeout() error {
	after, what := c.patience()
	if after <= 0 || sinceEpoch() < c.last+after {
		return nil
	}
	if c.err == nil || c.phase == closing {
		c.err = &timeoutError{what, after}
	}
	c.Abort()
	return c.err
}

// patience is how long the connection may stay as it is.
func (c *Conn) patience() (after time.Duration, what string) {
	switch {
	case c.phase == handshaking || c.phase == open && c.s.underWay():
		return c.o.handshakeTimeout(), "handshake not done" // the first, or a renegotiation
	case c.phase == open:
		return c.o.IdleTimeout, "nothing read or written"
	case c.phase == closing:
		return c.o.closeTimeout(), "peer took nothing after Close"
	}
	return 0, ""
}

// closeTimeout is never without a bound: nobody else would end what has been closed.
func (o *Options) closeTimeout() time.Duration {
	if d := o.handshakeTimeout(); d > 0 {
		return d
	}
	return defaultHandshakeTimeout
}

func (o *Options) handshakeTimeout() time.Duration {
	if o.HandshakeTimeout == 0 {
		return defaultHandshakeTimeout
	}
	return o.HandshakeTimeout
}
