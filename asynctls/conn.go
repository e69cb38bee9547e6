package asynctls

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// Conn is a TLS connection over a [Transport]: a tls.Conn that never blocks. One goroutine at a
// time may use it; only the function set by [Conn.SetAsyncCallback] is called elsewhere. Read
// and Write go on with the handshake first, if that is not done. Reading and writing do not
// depend on each other. Call Close, or Abort, when done.
//
// After each call the transport may hold bytes that have to be sent: see [Transport] and its
// Flush.
type Conn struct {
	t     Transport // an *input while bytes were taken from the transport and not read yet
	o     *Options
	tls   *tls.Conn
	op    *operation // the handshake, or a Read that may renegotiate; nil if there is none
	wake  atomic.Pointer[callback]
	err   error         // all methods fail with it; nil while all is well
	last  time.Duration // since epoch; the deadline counts from here
	phase phase
	// readInJob says that Read runs in a job, because this client may renegotiate.
	readInJob bool
	// writeClosed says that CloseWrite has given close_notify to the transport.
	writeClosed bool
}

// phase is where a connection is in its life. A connection that fails keeps its phase, with err
// set, until Close.
//
//	             handshake done          Close            all output is sent
//	handshaking ----------------> open ---------> closing -------------------> closed
//	     |                                          ^                            ^
//	     +------------------ Close -----------------+    Abort, Timeout: from ---+
//	                                                     every phase
type phase uint8

const (
	handshaking phase = iota
	open
	closing // the transport still holds output
	closed
)

// NewServerConn returns the server side of a TLS connection over t, which the [Conn] owns from
// now on. c is preferably a configuration that [Config] has prepared, once for all connections.
// o must not be nil. Nothing is sent or read before the first Handshake, Read or Write.
func NewServerConn(t Transport, c *tls.Config, o *Options) *Conn {
	conn := newConn(t, o)
	conn.tls = tls.Server((*link)(conn), c)
	return conn
}

// NewClientConn returns the client side of a TLS connection over t; see [NewServerConn]. As for
// [tls.Client], c must have a ServerName or InsecureSkipVerify.
func NewClientConn(t Transport, c *tls.Config, o *Options) *Conn {
	conn := newConn(t, o)
	conn.readInJob = c != nil && c.Renegotiation != tls.RenegotiateNever
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

// ConnectionState returns the connection's state. ok is false before the handshake is done,
// while the connection renegotiates, and once it is closed.
func (c *Conn) ConnectionState() (state tls.ConnectionState, ok bool) {
	if c.phase != open || c.op.underWay() {
		return state, false // a paused job may hold the mutex that the tls.Conn would wait for
	}
	return c.tls.ConnectionState(), true
}

// LocalAddr returns the transport's address, if it knows one.
func (c *Conn) LocalAddr() net.Addr {
	if a, ok := c.transport().(addressed); ok {
		if addr := a.LocalAddr(); addr != nil {
			return addr
		}
	}
	return noAddr{}
}

// RemoteAddr returns the address of the transport's other end, if it knows one.
func (c *Conn) RemoteAddr() net.Addr {
	if a, ok := c.transport().(addressed); ok {
		if addr := a.RemoteAddr(); addr != nil {
			return addr
		}
	}
	return noAddr{}
}
