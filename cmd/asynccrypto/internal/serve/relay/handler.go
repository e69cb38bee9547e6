//go:build unix

// Package relay passes bytes between TLS connections and a plain backend.
package relay

import (
	"net"
	"time"

	"asynccrypto/asynctls/tlsserver"
)

// Handler passes the connections of a [tlsserver.Server] on to a backend. Both sockets of a
// connection belong to its event loop; there is no goroutine for either of them. Set the server's
// HighWater to [HighWater].
type Handler struct {
	Backend *Backend // after a first LookUp; it may be looked up again at any time
	// DialTimeout is for a connection to the backend.
	DialTimeout time.Duration
	// ProxyProtocol is 1 or 2 to begin each connection to the backend with a header of that version
	// of the PROXY protocol, which names the client. 0 is no header.
	ProxyProtocol int
	// BackendFailed is called when the backend can't be reached, or has broken off, for this
	// client. It is called on an event loop and must not block.
	BackendFailed func(client net.Addr, err error)
	// Ended is called when a client's connection has ended, as Closed of [tlsserver.Handler] is.
	Ended func(client net.Addr, err error)
}

// A relay holds about mark bytes in each direction at most, and reads on when it is down to half.
const mark = 64 << 10

// HighWater is far above the bytes that a relay holds for a client, so that the server goes on
// reading from a client that takes nothing.
const HighWater = 4 * mark

// Open implements tlsserver.Handler.
func (h *Handler) Open(c *tlsserver.Conn) error {
	r := newRelay(c, h)
	c.Value = r
	r.dialer.dial(h.DialTimeout)
	return nil
}

// Data implements tlsserver.Handler.
func (h *Handler) Data(c *tlsserver.Conn, b []byte) error {
	c.Value.(*relay).fromClient(b)
	return nil
}

// EOF implements tlsserver.EOFHandler.
func (h *Handler) EOF(c *tlsserver.Conn) error {
	c.Value.(*relay).clientEnded()
	return nil
}

// Writable implements tlsserver.WriteHandler.
func (h *Handler) Writable(c *tlsserver.Conn) error {
	c.Value.(*relay).clientTook()
	return nil
}

// Shutdown implements tlsserver.ShutdownHandler. It does nothing: only the two ends know when a
// connection is done.
func (h *Handler) Shutdown(*tlsserver.Conn) {}

// Closed implements tlsserver.Handler.
func (h *Handler) Closed(c *tlsserver.Conn, err error) {
	c.Value.(*relay).close()
	h.Ended(c.RemoteAddr(), err)
}
