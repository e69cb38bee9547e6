package asynctls

import "time"

// Deadline returns the time at which to call Timeout, or the zero time for never. The deadline is
// that of the handshake or of a renegotiation, that of an idle open connection, or that of a Close
// that still has output to send. It moves with every byte read or written, but a timer does not
// have to move with it: let the timer call Timeout, and set it again to the new Deadline. A Conn
// has no timer of its own.
func (c *Conn) Deadline() time.Time {
	if after, _ := c.timeLimit(); after > 0 {
		return epoch.Add(c.last + after)
	}
	return time.Time{}
}

// Timeout ends the connection, as Abort does, if its Deadline has passed, and returns the error
// that all later calls return. [errors.Is] reports that it is [os.ErrDeadlineExceeded], unless
// the connection had failed before. If the Deadline has not passed, Timeout does nothing and
// returns nil.
func (c *Conn) Timeout() error {
	after, what := c.timeLimit()
	if after <= 0 || sinceEpoch() < c.last+after {
		return nil
	}
	if c.err == nil || c.phase == closing {
		c.err = &timeoutError{what, after}
	}
	c.Abort()
	return c.err
}

// timeLimit returns how long the connection may stay as it is, 0 or less for ever, and the text
// of the error when that time is over.
func (c *Conn) timeLimit() (after time.Duration, what string) {
	switch {
	case c.phase == handshaking || c.phase == open && c.op.underWay():
		return c.o.handshakeTimeout(), "handshake not done" // the first one, or a renegotiation
	case c.phase == open:
		return c.o.IdleTimeout, "nothing read or written"
	case c.phase == closing:
		return c.o.closeTimeout(), "peer took nothing after Close"
	}
	return 0, ""
}
