//go:build unix

// Package relay passes bytes between TLS connections and a plain backend.
package relay

import (
	"net"
	"time"

	"asynccrypto/asynctls"
)

// Handler passes the connections of an [asynctls.Server] on to a backend. Both sockets of a
// connection belong to its event loop; there is no goroutine for either of them. Set the server's
// HighWater to [HighWater].
type Handler struct {
	Backend *Backend // after LookUp
	// DialTimeout is for a connection to the backend.
	DialTimeout time.Duration
	// BackendFailed is called when the backend can't be reached, or has broken off, for this
	// client. It is called on an event loop and must not block.
	BackendFailed func(client net.Addr, err error)
	// Ended is called when a client's connection has ended, as Closed of [asynctls.Handler] is.
	Ended func(client net.Addr, err error)
}

// A relay holds about mark bytes in each direction at most, and reads on when it is down to half.
const mark = 64 << 10

// HighWater is far above the bytes that a relay holds for a client, so that the server goes on
// reading from a client that takes nothing.
const HighWater = 4 * mark

// Open implements asynctls.Handler.
func (h *Handler) Open(c *asynctls.ServerConn) error {
	r := newRelay(c, h.Backend, h.BackendFailed)
	c.Value = r
	r.dialer.dial(h.DialTimeout)
	return nil
}

// Data implements asynctls.Handler.
func (h *Handler) Data(c *asynctls.ServerConn, b []byte) error {
	c.Value.(*relay).fromClient(b)
	return nil
}

// EOF implements asynctls.EOFHandler.
func (h *Handler) EOF(c *asynctls.ServerConn) error {
	c.Value.(*relay).clientEnded()
	return nil
}

// Writable implements asynctls.WriteHandler.
func (h *Handler) Writable(c *asynctls.ServerConn) error {
	c.Value.(*relay).clientTook()
	return nil
}

// Shutdown implements asynctls.ShutdownHandler. It does nothing: only the two ends know when a
// connection is done.
func (h *Handler) Shutdown(*asynctls.ServerConn) {}

// Closed implements asynctls.Handler.
func (h *Handler) Closed(c *asynctls.ServerConn, err error) {
	c.Value.(*relay).close()
	h.Ended(c.RemoteAddr(), err)
}
