package main

import (
	"asynccrypto/asynctls"

	"github.com/panjf2000/gnet/v2"
)

// This is what TLS takes on gnet. Between gnet and the connection are two buffers, x.wire. All of it runs on the event loop
// of the connection, but for wake.

// OnOpen is called by gnet for a new connection.
func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	x := &session{c: c, loop: s.loop(c)}
	x.tls = asynctls.NewServerConn(&x.wire, s.config, &x.loop.options) // with a pool of jobs for each loop
	x.tls.SetAsyncCallback(s.wake, c)                                  // calls c.Wake, and gnet OnTraffic
	c.SetContext(x)
	return nil, x.loop.add(x)
}

// OnTraffic is called by gnet when bytes have come, and after Wake.
func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	x := c.Context().(*session)
	in, _ := c.Next(-1)
	x.wire.Feed(in) // a copy: in is gnet's, once this returns
	for {
		err := x.serve() // reads and writes x.tls until that wants something; the handshake first
		if !asynctls.Wants(err) {
			err = x.tls.Close() // says close_notify, or the alert; wants to write until that was taken
		}
		switch sent := x.flush(); {
		case sent && err == nil, x.wire.Unread() > maxUnread:
			return gnet.Close
		case !sent:
			s.later(x)
			return gnet.None
		case err != asynctls.ErrWantWrite:
			return gnet.None
		}
	}
}

// OnClose is called by gnet when a connection has ended, perhaps while an engine signs for it.
func (s *server) OnClose(c gnet.Conn, err error) gnet.Action {
	x := c.Context().(*session)
	if err == nil { // the server stops
		x.tls.Close()
		x.flush()
	}
	x.tls.Abort() // a paused handshake unwinds, and its place in the pool is free again
	x.loop.remove(x)
	return gnet.None
}

// flush gives gnet what is to be sent, as soon as gnet has sent what it had: all that waits is counted by x.wire, which
// asynctls.Options.HighWater bounds. It reports whether everything is gone.
func (x *session) flush() (sent bool) {
	if out := x.wire.Out(); len(out) > 0 && x.c.OutboundBuffered() == 0 {
		n, _ := x.c.Write(out) // an error has closed the connection: OnClose was called
		x.wire.Discard(n)
	}
	return x.c.OutboundBuffered() == 0
}
