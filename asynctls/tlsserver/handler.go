package tlsserver

// Handler is the application of a [Server]. It is called for connections whose handshakes are done.
//
// The methods are called on the connection's loop, one at a time for all connections of that loop,
// and must not block. Do long work on another goroutine, and bring its result back with
// [Conn.Loop] and Post. An error that a method returns ends the connection, and is passed to
// Closed. That includes [asynctls.ErrWantWrite], for which a method should return nil. A panic
// ends the connection too, with a [*PanicError].
//
// A Handler may also implement [EOFHandler], [WriteHandler] and [ShutdownHandler].
type Handler interface {
	// Open is called when the handshake is done.
	Open(c *Conn) error
	// Data is called with input from the peer, at most 16 KB at a time. The Handler may use p
	// until Data returns.
	Data(c *Conn, p []byte) error
	// Closed is called once for each Open, as the last call for c. err is io.EOF if the peer
	// closed the connection, with or without a close_notify (see [asynctls.Conn.Read]), nil if
	// Close or Abort did, ErrClosed if the server was shut down, and otherwise the error that
	// ended the connection.
	Closed(c *Conn, err error)
}

// EOFHandler is a [Handler] that goes on writing after its peer has said that it will send no
// more. EOF is called then, and must call Close, at once or later. A connection whose Handler
// has no EOF is closed as soon as its output is sent.
type EOFHandler interface{ EOF(c *Conn) error }

// WriteHandler is a [Handler] that is told when there is room for output again. Writable is called
// after Write has returned [asynctls.ErrWantWrite], and when the condition of [Conn.AwaitSent] is
// met.
type WriteHandler interface{ Writable(c *Conn) error }

// ShutdownHandler is a [Handler] that knows when its connections are in the middle of
// something. When the server is shut down, Shutdown is called for each connection, and must
// call Close, at once or later. Without a Shutdown method a connection is closed as soon as the
// input that has arrived is handled and the output is sent; output that Write did not take, and
// the Handler keeps, is lost.
type ShutdownHandler interface{ Shutdown(c *Conn) }
