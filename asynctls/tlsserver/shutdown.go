package tlsserver

import (
	"context"
	"errors"
	"slices"

	"asynccrypto/internal/gid"
)

// Shutdown ends the server without losing input that has arrived or output that Write has taken.
// It stops accepting, and lets the handshakes under way end. Each connection handles the input
// that has arrived, and sends all its output (see [ShutdownHandler]) and close_notify. Shutdown
// returns when the last connection is closed. If ctx is done first, Shutdown closes the
// connections that are left, and returns ctx's error.
//
// Shutdown may be called several times, by several goroutines, and before Serve. Called by a
// [Handler], by a function of TLS, or by a function given to the Post of [Conn.Loop], Shutdown
// would wait for itself: start a goroutine for it there. If a Handler or a posted function calls
// it all the same, it returns an error and does nothing. The functions of TLS must not call it.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.onLoop() {
		return errOnLoop
	}
	s.mu.Lock()
	loops := s.loops
	if !s.stopped {
		s.stopped = true
		if s.stopping != nil {
			close(s.stopping)
		}
	}
	for l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	s.accepting.Wait() // the loops get no more connections from now on
	for _, l := range loops {
		l.reactor.Post(l.shutdown)
	}
	var err error
	for _, l := range loops {
		if !l.awaitIdle(ctx) {
			err = ctx.Err()
			l.reactor.Post(l.abort)
			<-l.conns.idle
		}
	}
	for _, l := range loops {
		l.reactor.Close()
		<-l.ended
	}
	return err
}

// Close ends the server at once: it closes all connections, and output that they hold is lost.
// Its only error is that of a call that would wait for itself; see [Server.Shutdown].
func (s *Server) Close() error {
	if s.onLoop() {
		return errOnLoop
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(ctx)
	return nil
}

var errOnLoop = errors.New("tlsserver: shut down on one of the server's own loops, for which it would wait; start a goroutine for it")

// onLoop reports whether the caller runs on one of the server's loops.
func (s *Server) onLoop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := gid.Get()
	return slices.ContainsFunc(s.loops, func(l *loop) bool { return l.goroutine.Load() == g })
}

// awaitIdle waits until the loop has no connection left, or ctx is done. It reports whether no
// connection is left.
func (l *loop) awaitIdle(ctx context.Context) bool {
	select {
	case <-l.conns.idle:
	case <-ctx.Done():
		select {
		case <-l.conns.idle:
		default:
			return false
		}
	}
	return true
}
