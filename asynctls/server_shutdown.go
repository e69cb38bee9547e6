package asynctls

import "context"

// Shutdown ends the server without losing a byte that it has taken: it stops to accept, lets handshakes under way end,
// lets connections handle what has come in and send what was written (see ShutdownHandler), says close_notify on each, and
// returns when the last is closed. When ctx is done first it closes what is left, and returns ctx's error. Any goroutine
// may call it but the loops' own, that is a Handler.
func (s *Server) Shutdown(ctx context.Context) error {
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
	for _, l := range loops {
		l.r.Post(l.shutdown)
	}
	var err error
	for _, l := range loops {
		select {
		case <-l.idle:
		case <-ctx.Done():
			err = ctx.Err()
			l.r.Post(l.abort)
			<-l.idle
		}
		l.r.Close()
		<-l.ended
	}
	return err
}

// Close is Shutdown without patience: connections are closed at once, and what was not sent is lost.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(ctx)
	return nil
}

// shutdown is Shutdown on the loop.
func (l *serveLoop) shutdown() {
	if l.down {
		return
	}
	l.down = true
	for c := range l.conns.all() {
		c.shutdown()
	}
	l.checkIdle()
}

func (l *serveLoop) abort() {
	l.shutdown()
	for c := range l.conns.all() {
		c.end(ErrServerClosed)
	}
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
