package keyserver

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// ServeUnix accepts connections of a Unix socket and serves each on goroutines of its own. The
// client is the user whose process has connected, by the socket's credentials, which Linux, macOS
// and FreeBSD have; on other systems ServeUnix returns an error. The listener is a
// [*net.UnixListener]. ServeUnix closes it before it returns.
//
// ServeUnix returns [ErrClosed] after [Server.Shutdown] or [Server.Close], which close the
// listener. While the process has no file descriptor left it tries again, at first after 5 ms, later
// every second. Any other error of the listener is returned. Connections may go on after ServeUnix
// has returned.
func (s *Server) ServeUnix(l net.Listener) error {
	defer l.Close()
	if _, ok := l.(*net.UnixListener); !ok {
		return fmt.Errorf("keyserver: a listener of the type %T, and not of a Unix socket", l)
	}
	if !knowsPeers {
		return errors.New("keyserver: this system does not tell whose process has connected to a Unix socket; use gRPC")
	}
	if !s.addListener(l) {
		return ErrClosed
	}
	defer s.removeListener(l)
	return s.accept(l, func(conn net.Conn) { s.serveUnixConn(conn.(*net.UnixConn)) })
}

// accept has serve called for each connection, on a goroutine of its own.
func (s *Server) accept(l net.Listener, serve func(net.Conn)) error {
	for delay := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			go serve(conn)
		case s.draining.Load():
			return ErrClosed
		case !passes(err):
			return fmt.Errorf("keyserver: %w", err)
		default:
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.logger.Error("a connection was not accepted; trying again", "address", l.Addr(), "error", err, "after", delay)
			select {
			case <-time.After(delay):
			case <-s.ctx.Done():
			}
		}
	}
}

// passes reports whether an error of Accept is about this moment, and not about the listener.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *Server) serveUnixConn(conn *net.UnixConn) {
	uid, err := peerUID(conn)
	if err != nil {
		s.logger.Error("a connection has no credentials", "error", err)
		_ = conn.Close()
		return
	}
	s.logFailure(uid, s.ServeConn(conn, uid))
}

func (s *Server) logFailure(uid uint32, err error) {
	if err != nil && err != ErrClosed && s.failures.due() {
		s.logger.Info("a connection has failed; further ones of this second are not logged", "uid", uid, "error", err)
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}
