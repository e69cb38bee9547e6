package asynctls

import (
	"net"
	"net/netip"
)

// lingering is a Socket that is closed in two steps, by the Conn and then by the server: were the fd closed while the peer
// still sends, the system would reset the connection, and what was sent last could be lost on its way.
type lingering struct {
	Socket
	unsent int32 // what the peer had yet to get when we last looked

	// An account of the TLS records in what was read (RFC 8446, section 5.1).
	left uint16 // bytes that the record still lacks, once its header is there
	head uint8  // bytes of a record's header
	one  bool   // the last Read has brought the end of one record, and nothing after it

	// The peer's address, noted because the system forgets it when the peer resets the connection; no port if there is
	// none, or it has a zone. A netip.AddrPort would be twice as long.
	port uint16
	ip   [16]byte
}

func (s *lingering) note(remote netip.AddrPort) {
	if remote.IsValid() && remote.Addr().Zone() == "" {
		s.ip, s.port = remote.Addr().As16(), remote.Port()
	}
}

const recordHeader = 5

// Read implements Transport.
func (s *lingering) Read(p []byte) (int, error) {
	n, err := s.Socket.Read(p)
	s.follow(p[:n])
	return n, err
}

func (s *lingering) follow(p []byte) {
	ends := 0
	for len(p) > 0 {
		if s.head < recordHeader {
			s.left = s.left<<8 | uint16(p[0]) // the length comes last
			s.head++
			p = p[1:]
		} else {
			n := min(len(p), int(s.left))
			s.left -= uint16(n)
			p = p[n:]
		}
		if s.head == recordHeader && s.left == 0 {
			s.head = 0
			ends++
		}
	}
	s.one = ends == 1 && s.head == 0
}

// drained reports, after a tls.Conn's Read with room for all of a record has given some, that it has no more, nor the
// socket: crypto/tls reads from below only when it holds no whole record, so it had but the one that we saw end. It may
// be false nevertheless. That saves a small echo a Read which finds nothing, with its allocation.
func (s *lingering) drained() bool { return s.one && s.empty && s.known }

// Close implements Transport: the first step.
func (s *lingering) Close() error {
	s.closed = true
	s.held.reset()
	return nil
}

// RemoteAddr returns the address of the other end.
func (s *lingering) RemoteAddr() net.Addr {
	if s.port != 0 {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(s.ip).Unmap(), s.port))
	}
	return s.Socket.RemoteAddr()
}

// discard reads what still comes. It returns io.EOF, or what went wrong, once the end has come, and else nil.
func (s *lingering) discard(buf []byte) error {
	defer func(was bool) { s.closed = was }(s.closed)
	s.closed = false
	for range 16 { // of a peer that sends without end the timer takes care
		if _, err := s.Read(buf); err == error(ErrWouldBlock) {
			break
		} else if err != nil {
			return err
		}
	}
	return nil
}
