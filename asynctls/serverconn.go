package asynctls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	timer *reactor.Timer
	why   error // Closed's, once ending
	prev  *ServerConn
	next  *ServerConn
	state connState
	// What is queued to run, so that it is queued but once.
	stepping, reading bool
	full              bool  // too much is held to give the Handler more data
	asked             bool  // Write has returned ErrWantWrite, and the Handler was not told of room yet
	eof               bool  // the peer has said close_notify
	open              bool  // the handshake was done
	paused            bool  // by Pause
	awaiting          bool  // AwaitSent was called, and the Handler not told yet
	sentMark          int32 // AwaitSent's
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

// Loop returns the connection's loop, whose Post, any goroutine's to call, brings work back to it. A panic in that ends the
// process, as one in a goroutine of your own. The connection may be over by then: Write says so.
func (c *ServerConn) Loop() *reactor.Loop { return c.l.r }

// Write is Conn.Write. What the socket does not take now is sent when it does. After ErrWantWrite the Handler is not given
// more data from c until there is room, which a WriteHandler is told: it keeps what was not taken, writes that then, and
// bounds it if it comes from elsewhere, as from the other members of a chat. The first Write of up to 16 KB in a call of
// Data never returns ErrWantWrite. After the connection was closed Write returns net.ErrClosed, or what it was ended with.
func (c *ServerConn) Write(p []byte) (int, error) {
	n, err := c.c.Write(p)
	c.note(err)
	return n, err
}

// CloseWrite is Conn.CloseWrite: it says that no more will be written. After ErrWantWrite call it again, as Write.
func (c *ServerConn) CloseWrite() error {
	err := c.c.CloseWrite()
	c.note(err)
	return err
}

func (c *ServerConn) note(err error) {
	if err == ErrWantWrite {
		c.full, c.asked = true, true
	}
}

// Close ends the connection once what was written has been sent. Data is not called again; Closed is, later. It returns
// nil.
func (c *ServerConn) Close() error {
	if c.state < ending {
		c.begin(nil)
		c.c.Close()          // what it wants, or what goes wrong, finish finds out
		c.l.r.Post(c.finish) // not now: the Handler may not expect Closed here
	}
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

// PanicError is why a connection ended whose Handler panicked, or called runtime.Goexit.
type PanicError struct {
	Value any    // what was passed to panic, or an error that names Goexit
	Stack []byte // as debug.Stack formats it; it is not part of the message
}

// Error returns the panic's value, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("asynctls: panic in the handler: %v", e.Value)
}

// errGoexit is the Value for a Handler that has ended its goroutine.
var errGoexit = errors.New("runtime.Goexit")

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

var _ io.Writer = (*ServerConn)(nil)
