package tlsserver

import "asynccrypto/asynctls"

// beginClose begins to end the connection. The Handler is not called any more, except with Closed.
func (c *Conn) beginClose(reason error) {
	c.reason, c.state = reason, closing
	c.last = c.loop.now()
	c.removeWatch()
	c.countFailed()
}

// close ends the connection in three steps: the output that is held is sent, input is discarded
// until the peer closes too, and the fd is closed.
func (c *Conn) close(reason error) {
	if c.state.ending() {
		return
	}
	c.beginClose(reason)
	c.continueClose()
}

// finishClose is continueClose in a function of its own on the loop.
func (c *Conn) finishClose() { c.guard(c.continueClose) }

// continueClose sends the output, and goes over to draining when none is left.
func (c *Conn) continueClose() {
	if c.state != closing {
		return
	}
	held := c.sock.Buffered()
	switch err := c.tls.Close(); {
	case err == asynctls.ErrWantWrite:
		c.noteSent(held)
		c.setTimer()
		return
	case err != nil:
		c.end(err)
		return
	}
	c.state, c.last = draining, c.loop.now()
	if c.sock.discard(c.loop.buf) != nil {
		c.end(nil) // the peer has closed already, so nothing has to wait for it
		return
	}
	shutdownWrite(c.sock.FD())
	c.sock.unsent = unsent(c.sock.FD())
	c.setTimerAfter(drainTime)
}
