package asynctls

import (
	"net"

	"asynccrypto/async"
)

// Socket is a [Transport] over a connected stream socket, for an event loop that watches the fd
// itself: when the fd is ready for reading, call the [Conn]; when it is ready for writing, call
// Flush, and the Conn if it returned [ErrWantWrite]. Watch for writing only while Buffered is more
// than 0. Only the goroutine that uses the Conn at the time may use its Socket.
type Socket struct {
	held backlog
	fd   int32 // -1 when closed, because the number may then be another file's
}

// NewSocket returns a [Transport] over fd. The Socket owns fd from now on: NewSocket makes it
// non-blocking, and Close closes it.
func NewSocket(fd async.FD) *Socket {
	unblock(fd)
	return &Socket{fd: int32(fd)}
}

// FD returns the socket's fd, for the event loop to watch, or -1 after Close.
func (s *Socket) FD() async.FD { return async.FD(s.fd) }

// Read implements [Transport].
func (s *Socket) Read(p []byte) (int, error) {
	switch {
	case s.closed():
		return 0, net.ErrClosed
	case len(p) == 0:
		return 0, nil
	}
	return readFD(s.FD(), p)
}

// Write implements [Transport].
func (s *Socket) Write(p []byte) (int, error) {
	if s.closed() {
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

// Flush implements [Transport].
func (s *Socket) Flush() error {
	if s.closed() {
		return net.ErrClosed
	}
	n, err := s.send(s.held.bytes())
	s.held.drop(n)
	return err
}

// send writes as much of p as the system takes.
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

// Buffered implements [Transport].
func (s *Socket) Buffered() int { return s.held.len() }

// Close implements [Transport].
func (s *Socket) Close() error {
	if s.closed() {
		return nil
	}
	fd := s.FD()
	s.fd = -1
	s.held.reset()
	return closeFD(fd)
}

func (s *Socket) closed() bool { return s.fd < 0 }

// LocalAddr returns the socket's own address, or nil if the system does not know it.
func (s *Socket) LocalAddr() net.Addr { return localAddr(s.FD()) }

// RemoteAddr returns the peer's address, or nil if the system does not know it.
func (s *Socket) RemoteAddr() net.Addr { return remoteAddr(s.FD()) }
