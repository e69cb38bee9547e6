package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"sync"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"

	"github.com/panjf2000/gnet/v2"
)

// What a peer can make the server hold.
const (
	// maxConns bounds the connections of a loop.
	maxConns = 50_000
	// maxHandshakes bounds the handshakes under way on a loop; more wait in line, for as long as HandshakeTimeout.
	maxHandshakes = 1000
	// maxUnread bounds what a connection has sent and the server does not read yet: while it signs, and while the peer
	// takes no answers. gnet reads on, whatever its handler does, so beyond this the connection is dropped.
	maxUnread = 256 << 10
	// retryAfter is how long to wait for a peer that takes no answers: gnet does not tell when it has sent what it holds.
	retryAfter = 5 * time.Millisecond
)

// server is gnet's event handler.
type server struct {
	gnet.BuiltinEventEngine
	config  *tls.Config      // from asynctls.Config, for all connections
	options asynctls.Options // for all connections, but for the pool
	tick    time.Duration    // how often deadlines are looked at

	booted func(gnet.Engine) // if set, called when it listens

	mu    sync.RWMutex
	loops map[gnet.EventLoop]*loop
	down  bool // gnet's loops are ending: nothing may be woken
}

// loop is what one of gnet's event loops has. Only its goroutine uses it.
type loop struct {
	gnet    gnet.EventLoop
	options asynctls.Options
	conns   map[*session]bool
	buf     [16 << 10]byte // what has been read, until it is written
}

// session is a connection.
type session struct {
	c     gnet.Conn
	loop  *loop
	wire  asynctls.Buffers
	tls   *asynctls.Conn
	retry *time.Timer
	rest  []byte // what was read and could not be written
}

// serve is the application: it sends back what it reads. The error is why it can't go on; see asynctls.Wants.
func (x *session) serve() error {
	data := x.rest
	for {
		n, err := x.tls.Write(data) // with nothing to write, it is the handshake
		if err != nil {
			x.rest = bytes.Clone(data[n:])
			return err
		}
		x.rest = nil
		if n, err = x.tls.Read(x.loop.buf[:]); err != nil {
			return err
		}
		data = x.loop.buf[:n]
	}
}

// loop returns c's.
func (s *server) loop(c gnet.Conn) *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loops[c.EventLoop()]
	if l == nil {
		l = &loop{gnet: c.EventLoop(), options: s.options, conns: make(map[*session]bool)}
		l.options.Pool, _ = async.NewPool(maxHandshakes, 0) // without a pool, connections say asynctls.ErrNoPool
		if s.loops == nil {
			s.loops = make(map[gnet.EventLoop]*loop)
		}
		s.loops[l.gnet] = l
	}
	return l
}

func (l *loop) add(x *session) gnet.Action {
	l.conns[x] = true
	if len(l.conns) > maxConns {
		return gnet.Close
	}
	return gnet.None
}

func (l *loop) remove(x *session) {
	delete(l.conns, x)
	if x.retry != nil {
		x.retry.Stop()
	}
}

// wake is called by whatever a connection waits for, on any goroutine. The connection may be closed by then, which gnet
// looks after; but its loop, once ended, would write the wake to an fd that is no longer its own.
func (s *server) wake(c any) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.down {
		c.(gnet.Conn).Wake(nil)
	}
}

// later wakes x in a while.
func (s *server) later(x *session) {
	if x.retry == nil {
		x.retry = time.AfterFunc(retryAfter, func() { s.wake(x.c) })
	} else {
		x.retry.Reset(retryAfter)
	}
}

// OnBoot is called by gnet once it listens.
func (s *server) OnBoot(e gnet.Engine) gnet.Action {
	if s.booted != nil {
		s.booted(e)
	}
	return gnet.None
}

// OnTick is called by gnet on a goroutine of its own: each loop looks at its deadlines by itself.
func (s *server) OnTick() (time.Duration, gnet.Action) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, l := range s.loops {
		l.gnet.Execute(context.Background(), l)
	}
	return s.tick, gnet.None
}

// Run closes the loop's connections whose time for the handshake, for idleness or for closing is over.
func (l *loop) Run(context.Context) error {
	for x := range l.conns {
		if x.tls.Timeout() != nil {
			l.gnet.Close(x.c)
		}
	}
	return nil
}

// OnShutdown is called by gnet before its loops close their connections.
func (s *server) OnShutdown(gnet.Engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
}

// run serves until gnet is told to stop.
func (s *server) run(addr string, options ...gnet.Option) error {
	err := gnet.Run(s, addr, append(options, gnet.WithTicker(true))...)
	for _, l := range s.loops {
		if closed := l.options.Pool.Close(); err == nil {
			err = closed // says if a job was left
		}
	}
	return err
}
