package asynctls

// Handler is what a Server's connections do once their handshakes are done. Its methods are called on the connection's
// loop, one at a time for all connections of that loop, and must not block: what takes long belongs on another goroutine,
// and comes back by ServerConn.Loop's Post. An error that they return ends the connection and comes back in Closed, also
// ErrWantWrite, for which return nil; a panic does too, as a *PanicError.
//
// A Handler may also implement EOFHandler, WriteHandler and ShutdownHandler.
type Handler interface {
	// Open is called when the handshake is done.
	Open(c *ServerConn) error
	// Data is called with what the peer has sent, at most 16 KB. p is the Handler's until it returns.
	Data(c *ServerConn, p []byte) error
	// Closed is called once for each Open, after which c is of no more use. err is io.EOF when the peer closed, with a
	// close_notify or without (see Conn.Read), nil when Close or Abort did, ErrServerClosed when the server was shut down,
	// and else what went wrong.
	Closed(c *ServerConn, err error)
}

// EOFHandler is a Handler that goes on writing after the peer has ended its stream: EOF is called then, and is to call
// Close, there or later. Without it the connection is closed, once what was written has been sent.
type EOFHandler interface{ EOF(c *ServerConn) error }

// WriteHandler is a Handler that wants to know when, after Write returned ErrWantWrite, there is room again; see also
// ServerConn.AwaitSent.
type WriteHandler interface{ Writable(c *ServerConn) error }

// ShutdownHandler is a Handler that knows when its connections are in the middle of something. When the server is shut
// down, Shutdown is called for each, and is to call Close, there or later. Without it connections are closed once what has
// come in has been handled, and what was written has been sent; what Write did not take and the Handler keeps is lost.
type ShutdownHandler interface{ Shutdown(c *ServerConn) }
