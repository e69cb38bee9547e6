package asynctls

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// link is the net.Conn under a Conn's tls.Conn. It is the Conn itself with other methods, so
// that it takes no memory.
type link Conn

// Read reads from the transport. In a handshake crypto/tls could not go on after an error, so
// Read pauses the job instead of returning ErrWouldBlock.
func (l *link) Read(p []byte) (int, error) {
	for {
		n, err := (*Conn)(l).readInput(p)
		if n > 0 || err != error(ErrWouldBlock) || !l.inHandshake() {
			return n, err
		}
		if l.op.state == closeRequested {
			return 0, net.ErrClosed
		}
		l.op.state = waitingForPeer
		if err := l.op.job.Pause(); err != nil { // the job was cancelled
			return 0, err
		}
	}
}

// inHandshake reports whether the caller is a handshake, in the connection's job.
func (l *link) inHandshake() bool {
	return l.op != nil && l.op.state.inJob() && (l.op.handshake || renegotiating(l.tls))
}

// renegotiating reports whether a Read of c has begun a renegotiation. A Read that only waits
// for data must not stay paused: it would keep its place in the pool, and keep writes from
// going on. HandshakeContext returns at once if there is nothing to do; otherwise it asks its
// context for Done before it takes a mutex, and probe's Done panics.
func renegotiating(c *tls.Conn) (yes bool) {
	defer func() {
		if p := recover(); p != nil {
			if p != (probe{}) {
				panic(p)
			}
			yes = true
		}
	}()
	c.HandshakeContext(probe{})
	return false
}

type probe struct{ context.Context }

func (p probe) Done() <-chan struct{} { panic(p) }

// Write gives all of p to the transport, until close_notify is sent. Nothing may follow that, but
// crypto/tls goes on writing when it reads: an alert, the answer to a KeyUpdate, the ClientHello
// of a renegotiation. Over a net.Conn its own write deadline stops it. Here Write drops the bytes
// and reports success, because crypto/tls would otherwise not change the key that it reads with
// after a KeyUpdate. Only a renegotiation fails, because no answer to its ClientHello would come.
func (l *link) Write(p []byte) (int, error) {
	switch {
	case !l.writeClosed:
		return l.t.Write(p)
	case l.inHandshake():
		return 0, errRenegotiation
	}
	return len(p), nil
}

// Close does nothing: the Conn closes the transport once all output is sent.
func (l *link) Close() error { return nil }

// LocalAddr is for users of ClientHelloInfo.Conn.
func (l *link) LocalAddr() net.Addr { return (*Conn)(l).LocalAddr() }

// RemoteAddr is for users of ClientHelloInfo.Conn.
func (l *link) RemoteAddr() net.Addr { return (*Conn)(l).RemoteAddr() }

// The tls.Conn sets deadlines when it closes. Nothing waits here that they could end.

func (l *link) SetDeadline(time.Time) error      { return nil }
func (l *link) SetReadDeadline(time.Time) error  { return nil }
func (l *link) SetWriteDeadline(time.Time) error { return nil }
