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

// These constants bound the memory that peers can make the server use.
const (
	// maxConns bounds the connections of a loop.
	maxConns = 50_000
	// maxHandshakes bounds the handshakes under way on a loop. Others wait in line until their
	// HandshakeTimeout.
	maxHandshakes = 1000
	// maxUnread bounds the bytes of a connection that have arrived and are not read yet: while
	// the engine signs, and while the peer takes no answers. gnet goes on reading whatever its
	// handler does, so a connection beyond this is dropped.
	maxUnread = 256 << 10
	// retryAfter is how long to wait before trying a slow peer again: gnet does not report that
	// it has sent what it holds.
	retryAfter = 5 * time.Millisecond
)

// server is gnet's event handler.
type server struct {
	gnet.BuiltinEventEngine
	config  *tls.Config      // from asynctls.Config, for all connections
	options asynctls.Options // for all connections; each loop adds its own pool
	tick    time.Duration    // how often deadlines are checked

	booted func(gnet.Engine) // if not nil, called when the server listens

	mu    sync.RWMutex
	loops map[gnet.EventLoop]*loop
	down  bool // gnet's loops are ending: no connection may be woken
}

// loop is the server's part of one of gnet's event loops. Only the loop's goroutine uses it.
type loop struct {
	gnet    gnet.EventLoop
	options asynctls.Options
	conns   map[*session]bool
	buf     [16 << 10]byte // the bytes read last, until they are written
}

// session is a connection.
type session struct {
	c     gnet.Conn
	loop  *loop
	wire  asynctls.Buffers
	tls   *asynctls.Conn
	retry *time.Timer
	rest  []byte // bytes that were read and could not be written yet
}

// serve is the application: it echoes. The error says why it can't go on; see asynctls.Wants.
func (x *session) serve() error {
	data := x.rest
	for {
		n, err := x.tls.Write(data) // without data it goes on with the handshake
		if err != nil {
			x.rest = bytes.Clone(data[n:])
			return err
		}
		x.rest = nil
		// An error may come with the last bytes; the next Read returns it again.
		if n, err = x.tls.Read(x.loop.buf[:]); n == 0 {
			return err
		}
		data = x.loop.buf[:n]
	}
}

// loop returns the loop of c.
func (s *server) loop(c gnet.Conn) *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loops[c.EventLoop()]
	if l == nil {
		l = &loop{gnet: c.EventLoop(), options: s.options, conns: make(map[*session]bool)}
		// Without a pool, connections fail with asynctls.ErrNoPool.
		l.options.Pool, _ = async.NewPool(maxHandshakes, 0)
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

// wake is the callback of each connection. It runs on any goroutine, when the engine is done or
// the pool has a free place. The connection may be closed by then, for which gnet checks. gnet
// does not check whether the loop has ended, and would write the wake to an fd that is no
// longer the loop's.
func (s *server) wake(c any) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.down {
		c.(gnet.Conn).Wake(nil)
	}
}

// later wakes x after retryAfter.
func (s *server) later(x *session) {
	if x.retry == nil {
		x.retry = time.AfterFunc(retryAfter, func() { s.wake(x.c) })
	} else {
		x.retry.Reset(retryAfter)
	}
}

// OnBoot is called by gnet when the server listens.
func (s *server) OnBoot(e gnet.Engine) gnet.Action {
	if s.booted != nil {
		s.booted(e)
	}
	return gnet.None
}

// OnTick is called by gnet on a goroutine of its own. It has each loop check the deadlines of
// its connections.
func (s *server) OnTick() (time.Duration, gnet.Action) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, l := range s.loops {
		l.gnet.Execute(context.Background(), l)
	}
	return s.tick, gnet.None
}

// Run closes the loop's connections whose deadline has passed: for the handshake, for being
// idle, or for closing.
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
			err = closed // not nil if a job was left
		}
	}
	return err
}
