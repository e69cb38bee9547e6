package tlsserver

import (
	"net"
	"net/netip"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/internal/proxyproto"
)

// socket is the Transport of a connection: an [asynctls.Socket] that knows when the fd has
// nothing to read, from the edges that the loop reports, and that is closed in two steps. The
// asynctls.Conn takes the first one, Close, and the server the second, release. If the fd were
// closed while the peer still sends, the system would reset the connection, and the bytes sent
// last could be lost on their way.
type socket struct {
	*asynctls.Socket
	closed bool
	empty  bool // the last read emptied the socket, and no edge has come since
	ended  bool // the end of the stream is near, so empty cannot be relied on

	unsent int32 // bytes that the peer had not acknowledged at the last look

	// Position in the TLS records that were read (RFC 8446, section 5.1).
	recordLeft uint16 // bytes missing in the record whose header was read
	headerRead uint8  // bytes of a record's header that were read
	oneRecord  bool   // a Read since beginRead ended one record, and brought nothing after it

	// The peer's address, kept because the system forgets it when the peer resets the
	// connection. The port is 0 if there is no address, or if it has a zone. A netip.AddrPort
	// would take twice the memory.
	port uint16
	ip   [16]byte

	// The addresses that a header of the PROXY protocol has named, which take the place of the
	// socket's, or nil.
	proxied *proxyproto.Header
}

const recordHeader = 5

// newSocket returns a socket that owns fd.
func newSocket(fd async.FD, remote netip.AddrPort) socket {
	s := socket{Socket: asynctls.NewSocket(fd)}
	if remote.IsValid() && remote.Addr().Zone() == "" {
		s.ip, s.port = remote.Addr().As16(), remote.Port()
	}
	return s
}

// arrived notes an edge: there may be something to read. If hangUp, the end of the stream may
// have come with it, so that Read has to go on until it finds the end.
func (s *socket) arrived(hangUp bool) {
	s.empty = false
	if hangUp {
		s.ended = true
	}
}

// Read implements [asynctls.Transport].
func (s *socket) Read(p []byte) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	return s.read(p)
}

func (s *socket) read(p []byte) (int, error) {
	if s.empty && !s.ended {
		return 0, asynctls.ErrWouldBlock
	}
	n, err := s.Socket.Read(p)
	// A read that returns less than it could has emptied the socket: see epoll(7). The end of a
	// stream stays readable.
	s.empty = n < len(p) && (err == nil || err == error(asynctls.ErrWouldBlock))
	s.countRecords(p[:n])
	return n, err
}

func (s *socket) countRecords(p []byte) {
	records := 0
	for len(p) > 0 {
		if s.headerRead < recordHeader {
			s.recordLeft = s.recordLeft<<8 | uint16(p[0]) // the length comes last
			s.headerRead++
			p = p[1:]
		} else {
			n := min(len(p), int(s.recordLeft))
			s.recordLeft -= uint16(n)
			p = p[n:]
		}
		if s.headerRead == recordHeader && s.recordLeft == 0 {
			s.headerRead = 0
			records++
		}
	}
	s.oneRecord = records == 1 && s.headerRead == 0
}

// beginRead is called before a Read of the asynctls.Conn, for drained.
func (s *socket) beginRead() { s.oneRecord = false }

// drained is asked after a Read of the asynctls.Conn that had room for a whole record and
// returned data. It reports whether neither the Conn nor the socket has any more: if that Read
// came as far as the socket, the Conn held no input that it had taken during the handshake, and
// crypto/tls no whole record, so there was only the one that ended here. It may be false
// although nothing is left. It saves a small echo a Read that would find nothing, and its
// allocation.
func (s *socket) drained() bool { return s.oneRecord && s.empty && !s.ended }

// Write implements [asynctls.Transport].
func (s *socket) Write(p []byte) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	return s.Socket.Write(p)
}

// Flush implements [asynctls.Transport].
func (s *socket) Flush() error {
	if s.closed {
		return net.ErrClosed
	}
	return s.Socket.Flush()
}

// Buffered implements [asynctls.Transport].
func (s *socket) Buffered() int {
	if s.closed {
		return 0
	}
	return s.Socket.Buffered()
}

// Close implements [asynctls.Transport]. It is the first step: the fd stays open until release.
func (s *socket) Close() error {
	s.closed = true
	return nil
}

// release is the second step.
func (s *socket) release() { s.Socket.Close() }

// discard reads and drops input. When the stream ends it returns io.EOF or the error that ended
// it, and else nil.
func (s *socket) discard(buf []byte) error {
	for range 16 { // the connection's timer limits a peer that sends without end
		if _, err := s.read(buf); err == error(asynctls.ErrWouldBlock) {
			break
		} else if err != nil {
			return err
		}
	}
	return nil
}

// LocalAddr returns the connection's own address.
func (s *socket) LocalAddr() net.Addr {
	if s.proxied != nil {
		return net.TCPAddrFromAddrPort(s.proxied.Destination)
	}
	if a := s.Socket.LocalAddr(); a != nil {
		return a
	}
	return unknownAddr{}
}

// RemoteAddr returns the peer's address.
func (s *socket) RemoteAddr() net.Addr {
	if s.proxied != nil {
		return net.TCPAddrFromAddrPort(s.proxied.Source)
	}
	if s.port != 0 {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(s.ip).Unmap(), s.port))
	}
	if a := s.Socket.RemoteAddr(); a != nil {
		return a
	}
	return unknownAddr{}
}

// unknownAddr is an address that the system has forgotten.
type unknownAddr struct{}

func (unknownAddr) Network() string { return "unknown" }
func (unknownAddr) String() string  { return "unknown" }
