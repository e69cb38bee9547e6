package asynctls

import (
	"context"
	"errors"
	"slices"

	"asynccrypto/internal/gid"
)

// Shutdown ends the server without losing a byte that it has taken: it stops to accept, lets handshakes under way end,
// lets connections handle what has come in and send what was written (see ShutdownHandler), says close_notify on each, and
// returns when the last is closed. When ctx is done first it closes what is left, and returns ctx's error. It may be
// called again, also by several goroutines, and before Serve. For a Handler, and in a function given to Loop's Post, it
// would wait for itself: there it returns an error and does nothing; call it with go. The functions of TLS must do so, too.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.onOwn() {
		return errOwnLoop
	}
	s.mu.Lock()
	loops := s.loops
	if !s.isDown {
		s.isDown = true
		if s.down != nil {
			close(s.down)
		}
	}
	for a := range s.listeners {
		a.close()
	}
	s.mu.Unlock()
	s.accepting.Wait() // from here on the loops get no more
	for _, l := range loops {
		l.r.Post(l.shutdown)
	}
	var err error
	for _, l := range loops {
		if !l.awaitIdle(ctx) {
			err = ctx.Err()
			l.r.Post(l.abort)
			<-l.idle
		}
	}
	for _, l := range loops {
		l.r.Close()
		<-l.ended
	}
	return err
}

// Close is Shutdown without patience: connections are closed at once, and what was not sent is lost. Its only error is
// that of a Handler that calls it; see Shutdown.
func (s *Server) Close() error {
	if s.onOwn() {
		return errOwnLoop
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(ctx)
	return nil
}

var errOwnLoop = errors.New("asynctls: shut down by a Handler of the server, for which it would wait")

// onOwn reports whether the caller is a Handler.
func (s *Server) onOwn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := gid.Get()
	return slices.ContainsFunc(s.loops, func(l *serveLoop) bool { return l.g.Load() == g })
}

// awaitIdle is false when ctx was done first.
func (l *serveLoop) awaitIdle(ctx context.Context) bool {
	select {
	case <-l.idle:
	case <-ctx.Done():
		select {
		case <-l.idle:
		default:
			return false
		}
	}
	return true
}

// shutdown is Shutdown on the loop.
func (l *serveLoop) shutdown() {
	if l.down {
		return
	}
	l.down = true
	for c := l.conns.head; c != nil; c = c.next {
		l.r.Post(c.shutdown) // not now: a Handler may end others than c
	}
	l.checkIdle()
}

// abort ends all connections. A Closed that exits the goroutine interrupts that.
func (l *serveLoop) abort() {
	defer func() {
		if l.conns.head != nil {
			l.r.Post(l.abort)
		}
	}()
	l.down = true
	for l.conns.head != nil {
		l.conns.head.end(ErrServerClosed)
	}
	l.checkIdle()
}

func (l *serveLoop) checkIdle() {
	if !l.down || l.conns.head != nil {
		return
	}
	select {
	case <-l.idle:
	default:
		close(l.idle)
	}
}
