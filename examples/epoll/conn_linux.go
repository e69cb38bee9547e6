package main

import (
	"bytes"

	"asynccrypto/asynctls"

	"golang.org/x/sys/unix"
)

// conn is a connection. Only the loop's goroutine uses it, except for the callback that conn.tls
// is given.
type conn struct {
	loop   *loop
	socket *asynctls.Socket
	tls    *asynctls.Conn
	fd     int
	events uint32 // the events that epoll watches for
	rest   []byte // bytes that were read and could not be written yet
	opened bool   // the handshake is done
	queued bool   // it is in loop.again
	closed bool
}

// echo is the application: it echoes. The error says why it can't go on. It is
// nil after some records, when others shall have their turn.
func (c *conn) echo(buf []byte) error {
	data := c.rest
	for range 16 {
		n, err := c.tls.Write(data) // with nothing to write, it goes on with the handshake
		if err != nil {
			c.rest = bytes.Clone(data[n:]) // Write may take a part: the rest is to be kept
			return err
		}
		c.rest = nil
		// An error may come with the last bytes; the next Read returns it again.
		if n, err = c.tls.Read(buf); n == 0 {
			return err
		}
		data = buf[:n]
	}
	c.rest = bytes.Clone(data)
	return nil
}

// step lets the connection go on as far as it can, then has epoll watch for the event it needs
// next.
func (c *conn) step() {
	// Held output goes out first: Write sends it only when there is more than HighWater. An error
	// comes back from the next Read or Write.
	c.socket.Flush()
	err := c.echo(c.loop.buf[:])
	c.count()
	if err != nil && !asynctls.Wants(err) {
		// The end, good or bad. Close sends close_notify or the alert, and wants to write until
		// the peer has taken it.
		if err = c.tls.Close(); err != asynctls.ErrWantWrite {
			c.loop.remove(c)
			return
		}
	}
	var events uint32
	switch err {
	case nil:
		// More may have been decrypted already, of which epoll knows nothing. So the loop comes
		// back by itself.
		events = c.events
		c.loop.later(c)
	case asynctls.ErrWantRead:
		events = unix.EPOLLIN
	case asynctls.ErrWantWrite:
		// A peer that takes nothing is not read from either, which slows it down.
		events = unix.EPOLLOUT
	case asynctls.ErrWantAsync, asynctls.ErrWantAsyncJob:
		// An engine computes, or as many handshakes are under way as may be. The callback ends
		// both. Until then the socket is not watched for input. If it were, the Conn would take
		// up to HighWater; but more than that, or the end of the stream, level-triggered epoll
		// would report over and over.
	}
	if c.socket.Buffered() > 0 { // also beside another want
		events |= unix.EPOLLOUT
	}
	c.loop.watch(c, events)
}

// hangUp is for a connection that is broken both ways, which epoll always reports, whatever it
// watches for. A connection that reads nothing just now would not find out by itself, and be
// reported over and over.
func (c *conn) hangUp() {
	if c.events&unix.EPOLLIN == 0 {
		c.tls.Abort() // a handshake is cancelled, and the engine drops its result
		c.loop.remove(c)
		return
	}
	c.step() // reads the bytes that came before the end, then the error
}

func (c *conn) count() {
	if c.opened {
		return
	}
	if state, ok := c.tls.ConnectionState(); ok {
		c.opened = true
		c.loop.handshakes++
		if state.DidResume {
			c.loop.resumed++
		}
	}
}
