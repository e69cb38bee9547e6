package asynctls

import (
	"net"

	"asynccrypto/async"
)

// Socket is a Transport over a connected stream socket, for a loop that watches the fd by itself: on readiness for
// reading call the Conn, on readiness for writing Flush, while there is something Buffered. One goroutine at a time, the
// Conn's.
type Socket struct {
	held   backlog
	fd     int32
	closed bool
	empty  bool // the last read found the end of what was there, and nothing has come since
	known  bool // empty may be relied on: the loop tells when something comes, and no end of the stream is near
}

// NewSocket returns a Transport over fd, which is the Socket's from now on: it makes it non-blocking, and Close closes it.
func NewSocket(fd async.FD) *Socket {
	unblock(fd)
	return &Socket{fd: int32(fd)}
}

// FD returns the socket's fd, to be watched.
func (s *Socket) FD() async.FD { return async.FD(s.fd) }

// arrived is for loops that report edges: something may have come, and the other side may have closed.
func (s *Socket) arrived(hangUp bool) {
	s.empty = false
	if hangUp {
		s.known = false // bytes and the end come in one edge: read on until the end shows
	}
}

// Read implements Transport.
func (s *Socket) Read(p []byte) (int, error) {
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.empty && s.known:
		return 0, ErrWouldBlock
	case len(p) == 0:
		return 0, nil
	}
	n, err := readFD(s.FD(), p)
	// epoll(7): less than asked for means that there is no more. But the end stays the end.
	s.empty = n < len(p) && (err == nil || err == error(ErrWouldBlock))
	return n, err
}

// Write implements Transport.
func (s *Socket) Write(p []byte) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	sent := 0
	if s.held.len() == 0 {
		var err error
		if sent, err = s.send(p); err != nil {
			return 0, err
		}
	}
	s.held.add(p[sent:])
	return len(p), nil
}

// Flush implements Transport.
func (s *Socket) Flush() error {
	if s.closed {
		return net.ErrClosed
	}
	n, err := s.send(s.held.bytes())
	s.held.drop(n)
	return err
}

// send sends what the system takes.
func (s *Socket) send(p []byte) (sent int, err error) {
	for sent < len(p) {
		n, err := writeFD(s.FD(), p[sent:])
		if n == 0 || err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// Buffered implements Transport.
func (s *Socket) Buffered() int { return s.held.len() }

// Close implements Transport.
func (s *Socket) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.held.reset()
	return closeFD(s.FD())
}

// LocalAddr returns the socket's own address, nil if the system doesn't say.
func (s *Socket) LocalAddr() net.Addr { return localAddr(s.FD()) }

// RemoteAddr returns the address of the other end, nil if the system doesn't say.
func (s *Socket) RemoteAddr() net.Addr { return remoteAddr(s.FD()) }
