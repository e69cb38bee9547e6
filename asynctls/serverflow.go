package asynctls

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
// has not returned ErrWantWrite: for a Handler that stops to write well before that, since from then on Data stops too.
func (c *ServerConn) AwaitSent(buffered int) {
	c.awaiting, c.sentMark = true, buffered
	if c.sock.Buffered() <= buffered {
		c.l.r.Post(c.awaited)
	}
}

func (c *ServerConn) awaited() {
	defer c.recovered()
	if c.state == serving {
		c.tellRoom()
	}
}

// tellRoom has the Handler write more, if it waits for that and there is room.
func (c *ServerConn) tellRoom() {
	held := c.sock.Buffered()
	full, awaiting := c.full && held <= c.c.highWater()/2, c.awaiting && held <= c.sentMark
	if !full && !awaiting {
		return
	}
	if full {
		c.full = false
	}
	c.awaiting = false
	if h, ok := c.l.s.Handler.(WriteHandler); ok {
		if err := h.Writable(c); err != nil {
			c.close(err)
		}
	}
}
