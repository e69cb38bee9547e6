package asynctls

// input holds bytes that a connection took from its transport before crypto/tls asked for them.
type input struct {
	held backlog
	err  error // the transport's error after the bytes that are held, io.EOF for example
}

// takeInput takes the transport's bytes, up to HighWater, while a job cannot. Without it, a
// level-triggered event loop that goes on watching for input would find the same bytes readable
// again and again. drive calls it only when it was called too early, so that a loop that waits
// for the wake pays nothing.
func (c *Conn) takeInput() {
	if _, ok := c.t.(*Buffers); ok {
		return // its bytes are in memory already, where Unread counts them
	}
	in := c.ahead
	if in == nil {
		in = new(input)
	}
	for in.err == nil && in.held.len() < c.o.highWater() {
		n, err := c.t.Read(in.held.room(c.o.highWater() - in.held.len()))
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
	c.ahead = nil
	if in.held.len() == 0 {
		in.held.reset()
		if in.err == nil {
			return
		}
	}
	c.ahead = in
}

// readInput reads the bytes that were taken before those of the transport.
func (c *Conn) readInput(p []byte) (int, error) {
	in := c.ahead
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
	if c.ahead != nil {
		c.ahead.held.reset()
		c.ahead = nil
	}
}
