package asynctls

import "net"

// Transport carries a Conn's bytes and never blocks. The Conn calls it from the goroutine that calls the Conn, or from the
// handshake's job, which that goroutine drives. *Buffers and *Socket are two.
type Transport interface {
	// Read reads what is there. It returns ErrWouldBlock, as it is, when there is nothing, and io.EOF at the end.
	Read(p []byte) (int, error)
	// Write takes all of p; what can't be sent now is held. crypto/tls makes an error final. p is not to be kept.
	Write(p []byte) (int, error)
	// Flush sends what it can of what is held.
	Flush() error
	// Buffered is how many bytes are held.
	Buffered() int
	// Close drops what is held, and closes.
	Close() error
}

// addressed is a Transport that knows its addresses, for ClientHelloInfo.Conn.
type addressed interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// noAddr stands in for the addresses of a Transport that has none.
type noAddr struct{}

func (noAddr) Network() string { return "buffers" }
func (noAddr) String() string  { return "buffers" }
