package tlsserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/internal/list"
	"asynccrypto/reactor"
)

const (
	defaultHighWater = 64 << 10
	maxPlaintext     = 16384 // the most that one record holds (RFC 8446, section 5.1)
)

// Conn is a connection of a [Server], as its [Handler] sees it. The methods may be called on
// the connection's loop only: by the Handler's methods, and by functions given to the Post of
// [Conn.Loop].
type Conn struct {
	// Value belongs to the Handler. It can hold the Handler's own state of the connection.
	Value any

	loop         *loop
	node         list.Node[*Conn]
	sock         socket
	tls          *asynctls.Conn // nil while fresh, so that an unused connection costs little
	registration *reactor.Socket
	watch        *reactor.Watch // wakes the handshake; nil unless handshaking
	timer        *reactor.Timer // nil if the connection has had no deadline yet
	last         time.Duration  // since epoch; the deadline counts from here
	reason       error          // why the connection ends, for Closed; set when the end begins
	sentMark     int32          // AwaitSent's argument, or -1 if no call is owed

	state state
	flow  flow
	// The following are independent of the state and of each other.
	queued     bool // a function that goes on with the handshake, or with reading, is queued
	paused     bool // by Pause
	handshaken bool // the handshake has succeeded, so that Open was called and Closed is owed
	// awaitsWake says that the handshake waits for an engine or for the pool. Input stays in the
	// socket until the wake: a step would take it into memory, for as many as MaxPending peers.
	awaitsWake   bool
	awaitsHeader bool // a header of the PROXY protocol comes before the handshake
}

func newConn(l *loop, fd async.FD, remote netip.AddrPort) *Conn {
	c := &Conn{loop: l, sock: newSocket(fd, remote), last: l.now(), sentMark: -1}
	c.node.Value = c
	return c
}

// Loop returns the connection's loop. Any goroutine may call the loop's Post, which is the way
// to bring work back to the connection. A panic in a posted function ends the process, like one
// in any goroutine of your own. The connection may be closed by the time the function runs:
// Write returns an error then.
func (c *Conn) Loop() *reactor.Loop { return c.loop.reactor }

// Write is [asynctls.Conn.Write]. Output that the socket does not take now is sent when it does.
// After [asynctls.ErrWantWrite] the Handler is given no more data from c until there is room. It
// must keep the bytes that were not taken, and write them when there is room: the server then
// calls the Writable of a [WriteHandler]. If the bytes come from elsewhere, such as from the other
// members of a chat, the Handler must also bound the bytes that it keeps. The first Write of up to
// 16 KB in a call of Data never returns ErrWantWrite. Once the connection is closed Write returns
// [net.ErrClosed].
func (c *Conn) Write(p []byte) (int, error) {
	if c.tls == nil {
		return 0, net.ErrClosed
	}
	n, err := c.tls.Write(p)
	if n > 0 {
		c.active()
	}
	c.noteRefused(err)
	return n, err
}

// CloseWrite is [asynctls.Conn.CloseWrite]: it tells the peer that no more will be written. After
// [asynctls.ErrWantWrite] call it again when there is room, as for Write.
func (c *Conn) CloseWrite() error {
	if c.tls == nil {
		return net.ErrClosed
	}
	err := c.tls.CloseWrite()
	c.noteRefused(err)
	return err
}

func (c *Conn) noteRefused(err error) {
	if err == asynctls.ErrWantWrite {
		c.flow = writeRefused
	}
}

// Close ends the connection once all output has been sent. The Handler's Data is not
// called again, and Closed is called later, not by Close. It returns nil.
func (c *Conn) Close() error {
	if !c.state.ending() {
		c.beginClose(nil)
		c.tls.Close()                // its result does not matter: continueClose calls it again
		c.Loop().Post(c.finishClose) // later, because the Handler may not expect Closed here
	}
	return nil
}

// Abort ends the connection at once. It calls Closed before it returns. Output that is held is
// lost.
func (c *Conn) Abort() { c.end(nil) }

// Pause stops reading until [Conn.Resume]; until then the end of the stream is not reported
// either. It is for a Handler that passes its input on to something slower. Data is not called
// before Resume. Input stays in the socket's buffer and, when that is full, at the peer. Writing
// goes on.
// A reset by the peer ends the connection all the same, and input that has not been read is lost.
func (c *Conn) Pause() { c.paused = true }

// Resume undoes [Conn.Pause]. Data is called later, not by Resume.
func (c *Conn) Resume() {
	if c.paused {
		c.paused = false
		c.queueRead()
	}
}

// AwaitSent makes the server call the [WriteHandler]'s Writable once, later, when [Conn.Buffered]
// is at most this many bytes, whether or not Write has returned [asynctls.ErrWantWrite]. It is for
// a Handler whose two directions must not hold each other up: Data is not called while more than
// half of HighWater is held, so such a Handler stops writing before that.
func (c *Conn) AwaitSent(buffered int) {
	c.sentMark = int32(min(max(buffered, 0), math.MaxInt32))
	if c.sock.Buffered() <= buffered {
		c.Loop().Post(c.checkRoom)
	}
}

// ConnectionState returns the TLS connection's state, or the zero one once the connection is
// closed.
func (c *Conn) ConnectionState() (state tls.ConnectionState) {
	if c.tls != nil {
		state, _ = c.tls.ConnectionState()
	}
	return state
}

// LocalAddr returns the socket's own address, or the one that the PROXY protocol's header names.
func (c *Conn) LocalAddr() net.Addr { return c.sock.LocalAddr() }

// RemoteAddr returns the peer's address, or that of the client that the PROXY protocol's header
// names.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// Buffered returns the number of bytes that were written and are not sent yet.
func (c *Conn) Buffered() int { return c.sock.Buffered() }

var _ io.WriteCloser = (*Conn)(nil)

// PanicError ends a connection whose [Handler] panicked, or called [runtime.Goexit].
type PanicError struct {
	Value any    // the value passed to panic, or an error that names Goexit
	Stack []byte // as debug.Stack formats it; it is not part of the message
}

// Error returns the panic's value, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("tlsserver: panic in the handler: %v", e.Value)
}

// errGoexit is the Value for a Handler that has ended its goroutine.
var errGoexit = errors.New("runtime.Goexit")
