package main

import (
	"asynccrypto/asynctls"

	"github.com/panjf2000/gnet/v2"
)

// This file brings TLS to gnet. Two buffers, x.wire, stand between gnet and the TLS connection.
// All of its functions run on the connection's event loop, except wake.

// OnOpen is called by gnet for a new connection.
func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	x := &session{c: c, loop: s.loop(c)}
	x.tls = asynctls.NewServerConn(&x.wire, s.config, &x.loop.options) // with a pool of jobs for each loop
	x.tls.SetAsyncCallback(s.wake, c)                                  // calls c.Wake, and gnet OnTraffic
	c.SetContext(x)
	return nil, x.loop.add(x)
}

// OnTraffic is called by gnet when bytes have arrived, and after Wake.
func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	x := c.Context().(*session)
	in, _ := c.Next(-1)
	x.wire.Feed(in) // a copy: in is gnet's, once this returns
	for {
		err := x.serve() // reads and writes x.tls until it has to wait; the handshake comes first
		if !asynctls.Wants(err) {
			err = x.tls.Close() // sends close_notify, or the alert; ErrWantWrite until gnet has taken it
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

// OnClose is called by gnet when a connection has ended, perhaps while the engine signs for it.
func (s *server) OnClose(c gnet.Conn, err error) gnet.Action {
	x := c.Context().(*session)
	if err == nil { // the server stops
		x.tls.Close()
		x.flush()
	}
	x.tls.Abort() // cancels a paused handshake, which frees its place in the pool
	x.loop.remove(x)
	return gnet.None
}

// flush hands gnet the bytes to send, once gnet has sent what it was given before. So all bytes
// that wait are counted by x.wire, which asynctls.Options.HighWater bounds. flush reports
// whether everything has been sent.
func (x *session) flush() (sent bool) {
	if out := x.wire.Out(); len(out) > 0 && x.c.OutboundBuffered() == 0 {
		n, _ := x.c.Write(out) // if it fails, gnet has closed the connection and called OnClose
		x.wire.Discard(n)
	}
	return x.c.OutboundBuffered() == 0
}
