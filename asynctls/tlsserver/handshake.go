package tlsserver

import (
	"asynccrypto/asynctls"
	"asynccrypto/reactor"
)

// queueStep queues a step of the handshake, behind everything that open connections have to do.
func (c *Conn) queueStep() {
	if !c.queued {
		c.queued = true
		c.loop.reactor.Low(c.step)
	}
}

// step takes a step of the handshake.
func (c *Conn) step() {
	c.guard(func() {
		c.queued = false
		if c.state == fresh && (!c.awaitsHeader || c.readProxyHeader()) {
			c.beginHandshake()
		}
		if c.state != handshaking {
			return
		}
		err := c.tls.Handshake()
		c.awaitsWake = err == asynctls.ErrWantAsync || err == asynctls.ErrWantAsyncJob
		switch {
		case err == nil:
			c.opened()
		case !asynctls.Wants(err):
			c.close(err)
		}
	})
}

func (c *Conn) beginHandshake() {
	c.state = handshaking
	c.tls = asynctls.NewServerConn(&c.sock, c.loop.server.TLS, c.loop.options)
	c.watch = c.loop.reactor.Watch(c.queueStep)
	c.tls.SetAsyncCallback(wakeWatch, c.watch)
}

func wakeWatch(w any) { w.(*reactor.Watch).Wake() }

// opened is called when the handshake is done.
func (c *Conn) opened() {
	c.state, c.handshaken = open, true
	c.removeWatch()
	s := c.loop.server
	<-s.pending
	s.counters.handshakes.Add(1)
	s.counters.open.Add(1)
	if state, _ := c.tls.ConnectionState(); state.DidResume {
		s.counters.resumed.Add(1)
	}
	c.last = c.loop.now()
	c.setTimer()
	if err := s.Handler.Open(c); err != nil {
		c.close(err)
		return
	}
	if c.read(); c.loop.conns.shuttingDown && c.state.serving() {
		c.shutdownOpen()
	}
}
