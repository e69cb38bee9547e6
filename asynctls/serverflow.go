package asynctls

import "math"

// Pause stops what the peer sends from being read, and with it the end of the stream, until Resume: for a Handler that
// passes it on to something slower. Data is not called again before; what comes meanwhile stays in the socket, and then
// with the peer. Writing goes on.
func (c *ServerConn) Pause() { c.paused = true }

// Resume undoes Pause. Data is called later, not by Resume.
func (c *ServerConn) Resume() {
	if !c.paused {
		return
	}
	c.paused = false
	if !c.reading {
		c.reading = true
		c.l.r.Post(c.readMore)
	}
}

// AwaitSent has a WriteHandler's Writable called, once, later, when at most this many bytes are Buffered, also if Write
// has not returned ErrWantWrite. It is for a Handler whose two directions are not to hold up each other: Data stops while
// more than half of HighWater is held, so it stops to write before that.
func (c *ServerConn) AwaitSent(buffered int) {
	c.awaiting, c.sentMark = true, int32(min(buffered, math.MaxInt32))
	if c.sock.Buffered() <= buffered {
		c.l.r.Post(c.awaited)
	}
}

func (c *ServerConn) awaited() {
	c.guard(func() {
		if c.state == serving {
			c.tellRoom()
		}
	})
}

// tellRoom ends what fullness has held up, and has the Handler write more if it waits for that.
func (c *ServerConn) tellRoom() {
	held := c.sock.Buffered()
	tell := c.awaiting && held <= int(c.sentMark)
	if tell {
		c.awaiting = false
	}
	if c.full && held <= c.c.highWater()/2 {
		tell = tell || c.asked
		c.full, c.asked = false, false
	}
	if h, ok := c.l.s.Handler.(WriteHandler); ok && tell {
		if err := h.Writable(c); err != nil {
			c.close(err)
		}
	}
}
