package asynctls

import "net"

// Transport carries a [Conn]'s bytes, and never blocks. The Conn calls it from the goroutine that
// calls the Conn, or from the handshake's job, which that goroutine drives. [*Buffers] and
// [*Socket] are Transports. If a Transport also has the methods LocalAddr and RemoteAddr of a
// [net.Conn], ClientHelloInfo.Conn returns its addresses.
type Transport interface {
	// Read reads the input that has arrived. If there is none it returns ErrWouldBlock, not
	// wrapped. At the end of the input it returns io.EOF.
	Read(p []byte) (int, error)
	// Write takes all of p, and holds what cannot be sent now. It must not keep p. crypto/tls
	// treats any error as final.
	Write(p []byte) (int, error)
	// Flush sends as much as possible of the output that is held.
	Flush() error
	// Buffered returns the number of bytes of output that are held.
	Buffered() int
	// Close drops the output that is held, and closes the transport.
	Close() error
}

// addressed is a Transport that knows its addresses, for ClientHelloInfo.Conn.
type addressed interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// noAddr is the address of a Transport that knows none.
type noAddr struct{}

func (noAddr) Network() string { return "buffers" }
func (noAddr) String() string  { return "buffers" }
