package asynctls

import "net"

// Close ends the connection. It cancels a handshake under way: the handshake's job unwinds and
// frees its place, and the engine drops the result. On an open connection it sends close_notify.
//
// Close returns [ErrWantWrite] until the transport has sent all output, then closes the
// transport and returns its error; later calls return nil. It may be called at any time. Call
// it after another method has failed, too: the alert that tells the peer why is lost otherwise.
// For a peer that takes nothing use [Conn.Deadline], or [Conn.Abort].
func (c *Conn) Close() error {
	if c.phase == closed {
		return nil
	}
	if c.requestClose() {
		return errReentered
	}
	if c.phase != closing {
		c.endOperation()
		if c.phase == open {
			c.tls.Close() // sends close_notify; Flush returns the transport's error below
		}
		c.end(closing)
		c.last = sinceEpoch()
	}
	if c.t.Buffered() > 0 {
		if err := c.t.Flush(); err != nil {
			c.end(closed)
			c.t.Close()
			return err
		}
		if c.t.Buffered() > 0 {
			return ErrWantWrite
		}
	}
	c.end(closed)
	return c.t.Close()
}

// Abort ends the connection at once; output that the transport still holds is lost. Called
// inside the handshake, by one of the functions of the [tls.Config], it ends the connection
// when that function returns.
func (c *Conn) Abort() {
	if c.phase != closed && !c.requestClose() {
		c.abort()
	}
}

// requestClose makes drive's caller abort the connection if this call comes from inside the
// job. It reports whether it does.
func (c *Conn) requestClose() bool {
	if c.op == nil || !c.op.state.inJob() {
		return false
	}
	c.op.state = closeRequested
	return true
}

func (c *Conn) abort() {
	c.endOperation()
	c.end(closed)
	c.t.Close()
}

// end notes that the connection is closing or closed. An error that it had before stays.
func (c *Conn) end(p phase) {
	c.phase = p
	if c.err == nil {
		c.err = net.ErrClosed
	}
	c.dropInput()
}
