package asynctls

import (
	"crypto/tls"
	"fmt"
	"io"
	"iter"
	"net"

	"asynccrypto/reactor"
)

// ServerConn is a Server's connection in the hands of its Handler. Its methods are for its loop's goroutine: the Handler's
// own, and functions given to Loop's Post.
type ServerConn struct {
	// Value is the Handler's, for what it keeps for each connection.
	Value any

	c     Conn
	sock  lingering
	l     *serveLoop
	sw    *reactor.Socket
	watch *reactor.Watch // of the handshake's wakes
	timer *reactor.Timer
	why   error // Closed's, once ending
	prev  *ServerConn
	next  *ServerConn
	state connState
	// What is queued to run, so that it is queued but once.
	stepping, reading bool
	full              bool // Write has returned ErrWantWrite, and the Handler was not told of room yet
	eof               bool // the peer has said close_notify
	open              bool // the handshake was done
	paused            bool // by Pause
	awaiting          bool // AwaitSent was called, and the Handler not told yet
	sentMark          int  // AwaitSent's
}

type connState uint8

const (
	fresh   connState = iota // nothing has come yet
	shaking                  // the handshake has begun
	serving
	ending     // Close sends what is held
	discarding // all was sent; what the peer still sends is thrown away until it closes
	over
)

// Loop returns the connection's loop, whose Post, any goroutine's to call, brings work back to it.
func (c *ServerConn) Loop() *reactor.Loop { return c.l.r }

// Write is Conn.Write. What the socket does not take now is sent when it does. After ErrWantWrite the Handler is not given
// more data until there is room, which a WriteHandler is told. After the connection was closed it returns net.ErrClosed.
func (c *ServerConn) Write(p []byte) (int, error) {
	n, err := c.c.Write(p)
	if err == ErrWantWrite {
		c.full = true
	}
	return n, err
}

// CloseWrite is Conn.CloseWrite: it says that no more will be written.
func (c *ServerConn) CloseWrite() error { return c.c.CloseWrite() }

// Close ends the connection once what was written has been sent. Data is not called again; Closed is, later.
func (c *ServerConn) Close() error {
	c.close(nil)
	return nil
}

// Abort ends the connection at once. Closed is called before it returns.
func (c *ServerConn) Abort() { c.end(nil) }

// ConnectionState is that of the tls.Conn, the zero one once the connection is closed.
func (c *ServerConn) ConnectionState() tls.ConnectionState {
	state, _ := c.c.ConnectionState()
	return state
}

// LocalAddr returns the socket's own address.
func (c *ServerConn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr returns the peer's address.
func (c *ServerConn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// Buffered is how many bytes were written and are not sent yet.
func (c *ServerConn) Buffered() int { return c.sock.Buffered() }

// PanicError is why a connection ended whose Handler panicked.
type PanicError struct {
	Value any
	Stack []byte // as debug.Stack formats it; it is not part of the message
}

// Error returns the panic's value, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("asynctls: panic in the handler: %v", e.Value)
}

// lingering is a Socket that is closed in two steps, by the Conn and then by the server: were the fd closed while the peer
// still sends, the system would reset the connection, and what was sent last could be lost on its way.
type lingering struct{ Socket }

// Close implements Transport: the first step.
func (s *lingering) Close() error {
	s.closed = true
	s.held.reset()
	return nil
}

// discard reads what still comes, and reports whether the end has come.
func (s *lingering) discard(buf []byte) bool {
	s.closed = false
	defer func() { s.closed = true }()
	for range 16 { // of a peer that sends without end the timer takes care
		if _, err := s.Read(buf); err != nil {
			return err != error(ErrWouldBlock)
		}
	}
	return false
}

// connList is a list of connections.
type connList struct{ head *ServerConn }

func (l *connList) add(c *ServerConn) {
	if c.next = l.head; c.next != nil {
		c.next.prev = c
	}
	l.head = c
}

func (l *connList) remove(c *ServerConn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// all yields the connections; the one that was yielded may be removed.
func (l *connList) all() iter.Seq[*ServerConn] {
	return func(yield func(*ServerConn) bool) {
		for c := l.head; c != nil; {
			next := c.next
			if !yield(c) {
				return
			}
			c = next
		}
	}
}

var _ io.Writer = (*ServerConn)(nil)
