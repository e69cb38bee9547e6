package asynctls

// input is a transport with the bytes that a connection took from it before crypto/tls asked for
// them. It stands in the place of the connection's transport while there are such bytes. A field of
// the Conn for it would put the Conn into the next size class of the allocator, which makes each of
// 10,000 idle connections 0.4 KB larger (measured), as handshakes leave gaps in that class.
type input struct {
	Transport // the connection's own
	held      backlog
	err       error // the transport's error after the bytes that are held, io.EOF for example
}

// ahead returns the input that was taken and not read yet, or nil if there is none.
func (c *Conn) ahead() *input {
	in, _ := c.t.(*input)
	return in
}

// transport returns the connection's own transport.
func (c *Conn) transport() Transport {
	if in := c.ahead(); in != nil {
		return in.Transport
	}
	return c.t
}

// takeInput takes the transport's bytes, up to HighWater, while a job cannot. Without it, a
// level-triggered event loop that goes on watching for input would find the same bytes readable
// again and again. drive calls it only when it was called too early, so that a loop that waits
// for the wake pays nothing.
func (c *Conn) takeInput() {
	if _, ok := c.t.(*Buffers); ok {
		return // its bytes are in memory already, where Unread counts them
	}
	in := c.ahead()
	if in == nil {
		in = &input{Transport: c.t}
	}
	for in.err == nil && in.held.len() < c.o.highWater() {
		n, err := in.Transport.Read(in.held.room(c.o.highWater() - in.held.len()))
		in.held.extend(n)
		if err == error(ErrWouldBlock) || n == 0 && err == nil {
			break
		}
		in.err = err
	}
	c.keepInput(in)
}

// keepInput has in read before the transport. An input without content is dropped.
func (c *Conn) keepInput(in *input) {
	if in.held.len() == 0 {
		in.held.reset()
		if in.err == nil {
			c.t = in.Transport
			return
		}
	}
	c.t = in
}

// readInput reads the bytes that were taken before those of the transport.
func (c *Conn) readInput(p []byte) (int, error) {
	in := c.ahead()
	switch {
	case in == nil:
		return c.t.Read(p)
	case in.held.len() == 0:
		return 0, in.err
	}
	n := copy(p, in.held.bytes())
	in.held.drop(n)
	c.keepInput(in)
	return n, nil
}

// dropInput frees the bytes that were taken.
func (c *Conn) dropInput() {
	if in := c.ahead(); in != nil {
		in.held.reset()
		c.t = in.Transport
	}
}
