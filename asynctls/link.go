package asynctls

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// link is the net.Conn under a Conn's tls.Conn. It is the Conn itself, seen from below.
type link Conn

// Read reads from the transport. Where crypto/tls could not go on after an error, in a handshake, it pauses the job
// instead.
func (l *link) Read(p []byte) (int, error) {
	for {
		n, err := l.t.Read(p)
		if n > 0 || err != error(ErrWouldBlock) || !l.shaking() {
			return n, err
		}
		l.s.want = ErrWantRead
		err = l.s.job.Pause()
		l.s.want = ErrWantAsync
		if err != nil {
			return 0, err
		}
	}
}

// shaking reports whether the caller is a handshake, in the connection's job.
func (l *link) shaking() bool {
	return l.s != nil && l.s.running && (l.s.shaking || renegotiating(l.tls))
}

// renegotiating tells a Read that has come upon a renegotiation from one that waits for data, which must not stay paused:
// it would keep its place in the pool, and writes from going on. HandshakeContext returns at once when there is nothing
// to do, else it looks at its context before it takes a mutex. That one doesn't return.
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

// Write gives all of p to the transport.
func (l *link) Write(p []byte) (int, error) { return l.t.Write(p) }

// Close does nothing: the transport is the Conn's to close, once what it holds has been sent.
func (l *link) Close() error { return nil }

// LocalAddr and RemoteAddr are what ClientHelloInfo.Conn is used for.
func (l *link) LocalAddr() net.Addr { return (*Conn)(l).LocalAddr() }

func (l *link) RemoteAddr() net.Addr { return (*Conn)(l).RemoteAddr() }

// The deadlines that tls.Conn sets when it closes have nothing to wait for here.

func (l *link) SetDeadline(time.Time) error      { return nil }
func (l *link) SetReadDeadline(time.Time) error  { return nil }
func (l *link) SetWriteDeadline(time.Time) error { return nil }
