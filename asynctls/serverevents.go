package asynctls

import (
	"crypto/tls"
	"io"
	"runtime/debug"
	"time"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

// readsInTurn is how often a connection is read from before the others have their turn.
const readsInTurn = 8

// add takes a new connection.
func (l *serveLoop) add(fd async.FD) {
	c := &ServerConn{l: l}
	c.sock.fd, c.sock.known = fd, true
	c.c.init(&c.sock, l.o)
	l.conns.add(c)
	var err error
	if c.sw, err = l.r.Socket(fd, c.event); err != nil || l.down {
		c.end(ErrServerClosed)
		return
	}
	c.setTimer()
}

// event is what the loop calls when the socket has become ready for something.
func (c *ServerConn) event(ev reactor.Events) {
	defer c.recovered()
	if ev&reactor.Readable != 0 {
		c.sock.arrived(ev&reactor.HangUp != 0)
	}
	switch c.state {
	case fresh:
		if ev&reactor.Readable != 0 {
			c.queueStep()
		}
	case shaking:
		c.queueStep()
	case serving:
		if ev&reactor.Writable != 0 && !c.flush() {
			return
		}
		c.read()
	case ending:
		c.close(c.why)
	case discarding:
		if c.sock.discard(c.l.buf) {
			c.end(nil)
		}
	}
}

// recovered ends the connection if its Handler panicked.
func (c *ServerConn) recovered() {
	if v := recover(); v != nil {
		c.end(&PanicError{v, debug.Stack()})
	}
}

// queueStep queues a step of the handshake, behind what open connections have to do.
func (c *ServerConn) queueStep() {
	if !c.stepping {
		c.stepping = true
		c.l.r.Low(c.step)
	}
}

// step is a step of the handshake.
func (c *ServerConn) step() {
	defer c.recovered()
	c.stepping = false
	if c.state == fresh { // only now is there a tls.Conn: half-open connections cost nothing
		c.state = shaking
		c.c.tls = tls.Server((*link)(&c.c), c.l.s.TLS)
		c.watch = c.l.r.Watch(c.queueStep)
		c.c.SetAsyncCallback(wakeWatch, c.watch)
	}
	if c.state != shaking {
		return
	}
	switch err := c.c.Handshake(); {
	case err == nil:
		c.opened()
	case !Wants(err):
		c.close(err)
	}
}

func wakeWatch(w any) { w.(*reactor.Watch).Wake() }

// opened is called when the handshake is done.
func (c *ServerConn) opened() {
	c.state, c.open = serving, true
	c.endWatch()
	<-c.l.s.pending
	f := &c.l.s.figures
	f.handshakes.Add(1)
	f.open.Add(1)
	if c.c.tls.ConnectionState().DidResume {
		f.resumed.Add(1)
	}
	c.setTimer()
	if err := c.l.s.Handler.Open(c); err != nil {
		c.close(err)
		return
	}
	if c.read(); c.l.down {
		c.shutdown()
	}
}

// flush sends what is held, and tells the Handler of room; false if the connection has ended over it.
func (c *ServerConn) flush() bool {
	if c.sock.Buffered() > 0 {
		if err := c.sock.Flush(); err != nil {
			c.end(err)
			return false
		}
	}
	c.tellRoom()
	return c.state == serving
}

// read gives what there is to read to the Handler, and comes back to the rest in the next turn.
func (c *ServerConn) read() {
	for range readsInTurn {
		if c.state != serving || c.full || c.paused || c.eof {
			return
		}
		n, err := c.c.Read(c.l.buf)
		if n > 0 {
			if err := c.l.s.Handler.Data(c, c.l.buf[:n]); err != nil {
				c.close(err)
				return
			}
		}
		switch {
		case err == nil:
		case err == ErrWantWrite:
			c.full = true
			return
		case Wants(err):
			return
		case err == io.EOF:
			c.eof = true
			c.ended()
			return
		default:
			c.close(err)
			return
		}
	}
	if !c.reading {
		c.reading = true
		c.l.r.Post(c.readMore)
	}
}

func (c *ServerConn) readMore() {
	defer c.recovered()
	c.reading = false
	c.read()
}

// ended is called when the peer has said that it sends no more.
func (c *ServerConn) ended() {
	err := io.EOF
	if h, ok := c.l.s.Handler.(EOFHandler); ok {
		if err = h.EOF(c); err == nil {
			return
		}
	}
	c.close(err)
}

// shutdown is what a Server's Shutdown does to a connection.
func (c *ServerConn) shutdown() {
	defer c.recovered()
	switch c.state {
	case fresh:
		c.end(ErrServerClosed)
	case serving:
		if h, ok := c.l.s.Handler.(ShutdownHandler); ok {
			h.Shutdown(c)
			return
		}
		for range 16 { // what has come in, but not what comes without end
			c.reading = false
			if c.read(); !c.reading {
				break
			}
		}
		c.close(ErrServerClosed)
	}
}

// setTimer sets the timer to the connection's next deadline, if it has one.
func (c *ServerConn) setTimer() {
	d := c.c.Deadline()
	switch {
	case d.IsZero() && c.timer != nil:
		c.timer.Stop()
		c.timer = nil
	case d.IsZero():
	case c.timer == nil:
		c.timer = c.l.r.After(time.Until(d), c.timeout)
	default:
		c.timer.Reset(time.Until(d))
	}
}

func (c *ServerConn) timeout() {
	defer c.recovered()
	if c.state == discarding {
		c.end(nil)
	} else if err := c.c.Timeout(); err != nil {
		c.end(err)
	} else {
		c.setTimer()
	}
}
