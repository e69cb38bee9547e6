package tlsserver

import (
	"io"
	"os"

	"asynccrypto/asynctls"
)

// readsInTurn is how often a connection is read from before the others have their turn.
const readsInTurn = 8

// read gives the Handler the input that there is. Input beyond a turn's share is read in the
// next turn.
func (c *Conn) read() {
	for range readsInTurn {
		if c.state != open || c.flow != flowing {
			return
		}
		if c.paused {
			c.noticeReset()
			return
		}
		// Input is held back well before Write would refuse output, so that any input can be
		// written back once, even if crypto/tls sends something too.
		if c.sock.Buffered() > c.loop.highWater/2 {
			c.flow = heldBack
			return
		}
		c.sock.beginRead()
		n, err := c.tls.Read(c.loop.buf)
		if n > 0 {
			c.active()
			if err := c.loop.server.Handler.Data(c, c.loop.buf[:n]); err != nil {
				c.close(err)
			}
			if c.state != open {
				return
			}
		}
		switch {
		case err == nil:
			if c.sock.drained() {
				return
			}
		case err == asynctls.ErrWantWrite:
			c.flow = heldBack
			return
		case asynctls.Wants(err):
			return
		case err == io.EOF:
			c.state = halfClosed
			c.inputEnded()
			return
		default:
			c.close(err)
			return
		}
	}
	c.queueRead()
}

// noticeReset ends a connection that has broken while it is paused. No read would find that out
// before Resume, which may be waiting for something that never comes.
func (c *Conn) noticeReset() {
	if !c.sock.ended {
		return
	}
	if err := socketError(c.sock.FD()); err != nil {
		c.end(os.NewSyscallError("read", err))
	}
}

// queueRead queues a read for the loop's next turn.
func (c *Conn) queueRead() {
	if !c.queued {
		c.queued = true
		c.loop.reactor.Post(c.readLater)
	}
}

func (c *Conn) readLater() {
	c.guard(func() {
		c.queued = false
		c.read()
	})
}

// inputEnded is called when the peer has said that it sends no more.
func (c *Conn) inputEnded() {
	err := io.EOF
	if h, ok := c.loop.server.Handler.(EOFHandler); ok {
		if err = h.EOF(c); err == nil {
			return
		}
	}
	c.close(err)
}

// flush sends output that is held, and tells the Handler of room. It reports whether the
// connection goes on.
func (c *Conn) flush() bool {
	if held := c.sock.Buffered(); held > 0 {
		if err := c.sock.Flush(); err != nil {
			c.end(err)
			return false
		}
		c.noteSent(held)
	}
	c.reportRoom()
	return c.state.serving()
}

// checkRoom is reportRoom in a function of its own on the loop.
func (c *Conn) checkRoom() {
	c.guard(func() {
		if c.state.serving() {
			c.reportRoom()
		}
	})
}

// reportRoom lets input flow again once enough output is sent, and calls Writable if that is owed.
func (c *Conn) reportRoom() {
	held := c.sock.Buffered()
	owed := c.sentMark >= 0 && held <= int(c.sentMark)
	if owed {
		c.sentMark = -1
	}
	if held <= c.loop.highWater/2 {
		owed = owed || c.flow == writeRefused
		c.flow = flowing
	}
	if h, ok := c.loop.server.Handler.(WriteHandler); ok && owed {
		if err := h.Writable(c); err != nil {
			c.close(err)
		}
	}
}

// shutdownOpen is the Server's Shutdown of an open connection.
func (c *Conn) shutdownOpen() {
	if h, ok := c.loop.server.Handler.(ShutdownHandler); ok {
		h.Shutdown(c)
		return
	}
	for range 16 { // input that has arrived is handled, but not input without end
		c.queued = false
		if c.read(); !c.queued {
			break
		}
	}
	c.close(ErrClosed)
}
