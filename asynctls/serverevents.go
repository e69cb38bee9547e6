package asynctls

import (
	"crypto/tls"
	"io"
	"runtime/debug"
	"time"

	"asynccrypto/reactor"
)

// readsInTurn is how often a connection is read from before the others have their turn.
const readsInTurn = 8

// add takes a new connection.
func (l *serveLoop) add(p peer) {
	c := &ServerConn{l: l}
	c.sock.fd, c.sock.known = int32(p.fd), true
	c.sock.note(p.remote)
	c.c.init(&c.sock, l.o)
	l.conns.add(c)
	c.guard(func() {
		var err error
		if c.sw, err = l.r.Socket(p.fd, c.event); err == nil && l.down {
			err = ErrServerClosed
		}
		if err != nil {
			c.end(err)
			return
		}
		c.setTimer()
	})
}

// guard calls fn, and ends the connection if that, which may call the Handler, panics or exits the goroutine.
func (c *ServerConn) guard(fn func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil {
			v = errGoexit
		}
		c.end(&PanicError{v, debug.Stack()})
	}()
	fn()
	returned = true
}

// event is what the loop calls when the socket has become ready for something.
func (c *ServerConn) event(ev reactor.Events) { c.guard(func() { c.handle(ev) }) }

func (c *ServerConn) handle(ev reactor.Events) {
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
		if c.eof && ev&reactor.HangUp != 0 { // nobody reads any more, who would learn of a reset
			if err := c.sock.discard(c.l.buf); err != nil && err != io.EOF {
				c.end(err)
			}
			return
		}
		c.read()
	case ending:
		c.close(c.why)
	case discarding:
		if c.sock.discard(c.l.buf) != nil {
			c.end(nil)
		}
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
func (c *ServerConn) step() { c.guard(c.shake) }

func (c *ServerConn) shake() {
	c.stepping = false
	if c.state == fresh { // only now is there a tls.Conn: half-open connections cost nothing
		c.state = shaking
		c.c.tls = tls.Server((*link)(&c.c), c.l.s.TLS)
		c.c.SetAsyncCallback(wakeWatch, c.l.r.Watch(c.queueStep))
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
		c.drain()
	}
}

// flush sends what is held, and tells the Handler of room; false if the connection has ended over it.
func (c *ServerConn) flush() bool {
	if held := c.sock.Buffered(); held > 0 {
		if err := c.sock.Flush(); err != nil {
			c.end(err)
			return false
		}
		c.progress(held)
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
		// Well before Write would want room: what is read may be written once more at least, whatever crypto/tls answers.
		if c.sock.Buffered() > c.c.highWater()/2 {
			c.full = true
			return
		}
		n, err := c.c.Read(c.l.buf)
		if n > 0 {
			if err := c.l.s.Handler.Data(c, c.l.buf[:n]); err != nil {
				c.close(err)
			}
			if c.state != serving {
				return
			}
		}
		switch {
		case err == nil:
			if c.sock.drained() {
				return
			}
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
	c.guard(func() {
		c.reading = false
		c.read()
	})
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
func (c *ServerConn) shutdown() { c.guard(c.drain) }

func (c *ServerConn) drain() {
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
	case !d.IsZero():
		c.timeoutAfter(d.Sub(c.l.r.Now()))
	}
}

// timeoutAfter sets the timer, which most idle connections don't have.
func (c *ServerConn) timeoutAfter(d time.Duration) {
	if c.timer == nil {
		c.timer = c.l.r.After(d, c.timeout)
	} else {
		c.timer.Reset(d)
	}
}

// progress puts the deadline off when the peer has taken some of what was held.
func (c *ServerConn) progress(held int) {
	if c.sock.Buffered() < held {
		c.c.last = c.c.o.sinceEpoch()
	}
}

func (c *ServerConn) timeout() { c.guard(c.expire) }

func (c *ServerConn) expire() {
	if c.state == discarding {
		c.lingered()
	} else if err := c.c.Timeout(); err != nil {
		c.end(err)
	} else {
		c.setTimer()
	}
}
