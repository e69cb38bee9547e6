package asynctls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"asynccrypto/async"
)

// Options are what connections have in common. They may be shared by any number of them, and not changed meanwhile.
type Options struct {
	// Pool is where handshakes run; its limit bounds those under way. It is required. One for each event loop keeps a
	// loop's coroutines on its own processor.
	Pool *async.Pool
	// HandshakeTimeout bounds a handshake, from NewServerConn or NewClientConn on: 0 means 10 seconds, negative no bound.
	// See Conn.Deadline.
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a connection may go without a byte read or written; 0 means for ever.
	IdleTimeout time.Duration
	// HighWater is how many bytes the transport may hold before Write wants it to send some: 0 means 64 KB. Read does at
	// 32 KB more. It counts Transport.Buffered and nothing else: what was taken out of Buffers is no longer bounded, so
	// take it when the wire has room for it, not before.
	HighWater int
	// Context, if not nil, gives its values, but not its end, to the contexts of handshakes.
	Context context.Context
}

// ErrNoPool is the error of a Conn that was made without a pool of jobs.
var ErrNoPool = errors.New("asynctls: Options.Pool is not set")

const (
	defaultHandshakeTimeout = 10 * time.Second
	defaultHighWater        = 64 << 10
)

var defaultOptions = new(Options)

// Conn is a TLS connection over a Transport, a tls.Conn that never blocks. One goroutine at a time uses it; only the
// function of SetAsyncCallback is called from elsewhere. Before the handshake is done, Read and Write go on with it.
// Reading and writing do not depend on each other. Close it, or Abort it.
//
// Whatever is called, the transport may hold bytes afterwards that are to be sent: see Transport.Flush.
type Conn struct {
	t     Transport
	o     *Options
	tls   *tls.Conn
	s     *session // a job, or what waits for one: the handshake, or a client's Read that may renegotiate; else nil
	wake  atomic.Pointer[callback]
	err   error         // why it is over
	last  time.Duration // when the handshake began, or the last byte was read or written, or Close was called; since epoch
	phase phase
	jobs  bool // Read is to run in a job: it may renegotiate
}

type phase uint8

const (
	handshaking phase = iota
	open
	closing // the transport still holds something
	closed
)

// NewServerConn returns the server side of a TLS connection over t, which is the Conn's from now on. c is best one that Config
// has prepared, once for all connections. o may not be nil. Nothing is sent or read before the first Handshake, Read or
// Write.
func NewServerConn(t Transport, c *tls.Config, o *Options) *Conn {
	conn := newConn(t, o)
	conn.tls = tls.Server((*link)(conn), c)
	return conn
}

// NewClientConn returns the client side of a TLS connection over t; see NewServerConn. As for tls.Client, c must have a ServerName or
// InsecureSkipVerify.
func NewClientConn(t Transport, c *tls.Config, o *Options) *Conn {
	conn := newConn(t, o)
	if c != nil && c.Renegotiation != tls.RenegotiateNever {
		c, conn.jobs = rebinding(c, conn), true
	}
	conn.tls = tls.Client((*link)(conn), c)
	return conn
}

func newConn(t Transport, o *Options) *Conn {
	if o == nil {
		o = defaultOptions
	}
	c := &Conn{t: t, o: o, last: sinceEpoch()}
	if o.Pool == nil {
		c.err = ErrNoPool
	}
	return c
}

// ConnectionState returns the connection's state; ok is false before the handshake is done, while the connection
// renegotiates, and once it is closed.
func (c *Conn) ConnectionState() (state tls.ConnectionState, ok bool) {
	if c.phase != open || c.s.underWay() {
		return state, false // a paused job may hold the mutex that tls.Conn would wait for
	}
	return c.tls.ConnectionState(), true
}

// LocalAddr returns the transport's address, if it knows one.
func (c *Conn) LocalAddr() net.Addr {
	if a, ok := c.t.(addressed); ok {
		if addr := a.LocalAddr(); addr != nil {
			return addr
		}
	}
	return noAddr{}
}

// RemoteAddr returns the address of the transport's other end, if it knows one.
func (c *Conn) RemoteAddr() net.Addr {
	if a, ok := c.t.(addressed); ok {
		if addr := a.RemoteAddr(); addr != nil {
			return addr
		}
	}
	return noAddr{}
}
