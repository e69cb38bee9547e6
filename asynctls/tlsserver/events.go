package tlsserver

import (
	"io"

	"asynccrypto/reactor"
)

// handleEvents is called by the loop when the socket has become ready for something.
func (c *Conn) handleEvents(ev reactor.Events) { c.guard(func() { c.handle(ev) }) }

func (c *Conn) handle(ev reactor.Events) {
	hangUp := ev&reactor.HangUp != 0
	if ev&reactor.Readable != 0 {
		c.sock.arrived(hangUp)
	}
	switch c.state {
	case fresh:
		if ev&reactor.Readable != 0 {
			c.queueStep()
		}
	case handshaking:
		if !c.awaitsWake {
			c.queueStep()
		} else if c.sock.Buffered() > 0 {
			_ = c.sock.Flush() // the handshake's next write returns the error
		}
	case open, halfClosed:
		if ev&reactor.Writable != 0 && !c.flush() {
			return
		}
		if c.state == halfClosed && hangUp { // nothing else reads, so a reset would not be noticed
			if err := c.sock.discard(c.loop.buf); err != nil && err != io.EOF {
				c.end(err)
			}
			return
		}
		c.read()
	case closing:
		c.continueClose()
	case draining:
		if c.sock.discard(c.loop.buf) != nil {
			c.end(nil)
		}
	}
}

// shutdown is the Server's Shutdown of one connection.
func (c *Conn) shutdown() {
	c.guard(func() {
		switch c.state {
		case fresh:
			c.end(ErrClosed)
		case open, halfClosed:
			c.shutdownOpen()
		}
	})
}
