package tlsserver

import (
	"io"
	"os"

	"asynccrypto/internal/proxyproto"
)

// readProxyHeader reads the header of the PROXY protocol that stands before a fresh connection's
// first byte. While it is not complete it stays in the socket, so that an unfinished one costs no
// memory. It reports whether the handshake can begin.
func (c *Conn) readProxyHeader() bool {
	buf := c.loop.buf[:proxyproto.MaxLength]
	n, err := peek(c.sock.FD(), buf)
	switch {
	case wouldBlock(err):
		return false
	case err != nil:
		c.end(os.NewSyscallError("read", err))
		return false
	case n == 0:
		c.end(io.EOF)
		return false
	}
	header, length, err := proxyproto.Parse(buf[:n])
	switch {
	case err == proxyproto.ErrIncomplete && !c.sock.ended:
		return false // an edge tells of more
	case err == proxyproto.ErrIncomplete:
		c.end(io.ErrUnexpectedEOF)
		return false
	case err != nil:
		c.end(err)
		return false
	}
	if _, err := c.sock.Socket.Read(buf[:length]); err != nil {
		c.end(err)
		return false
	}
	if header.Known() {
		c.sock.proxied = &header
	}
	c.awaitsHeader = false
	return true
}
