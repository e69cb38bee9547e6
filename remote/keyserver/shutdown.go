package keyserver

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Shutdown drains the server: it accepts no connections, new requests are answered as unavailable,
// so that clients ask another server, and connections end when their requests under way are
// answered. The error is nil when all have ended and the audit log is written.
//
// If ctx is done first, Shutdown closes the server as [Server.Close] does and returns an error that
// wraps ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain()
	select {
	case <-s.idle:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("keyserver: closed before all requests were answered: %w", ctx.Err()), s.Close())
	}
	return s.end(ctx)
}

// Close ends all connections and requests at once. It does not wait for keys that have no method
// WithContext, and returns the error of the last write to the audit log if lines are lost.
func (s *Server) Close() error {
	s.drain()
	s.mu.Lock()
	sessions := make([]*session, 0, len(s.sessions))
	for ss := range s.sessions {
		sessions = append(sessions, ss)
	}
	s.mu.Unlock()
	s.cancel()
	for _, ss := range sessions {
		ss.end(ErrClosed)
	}
	<-s.idle
	closed, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return s.end(closed)
}

// closeTimeout bounds how long Close waits for the writer of the audit log.
const closeTimeout = time.Second

// drain has sessions end when they are idle. It may be called again.
func (s *Server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Swap(true) {
		return
	}
	for l := range s.listeners {
		_ = l.Close() // ServeUnix returns ErrClosed
	}
	for ss := range s.sessions {
		ss.finish(ErrClosed, true)
	}
	s.checkIdleLocked()
}

// end frees the resources of a server that has no session left.
func (s *Server) end(ctx context.Context) error {
	s.cancel()
	s.mu.Lock()
	s.logClosed = true
	log := s.log.Load()
	s.keys.retireLocked()
	s.mu.Unlock()
	s.keys.close()
	if log == nil {
		return nil
	}
	s.flushRefusals(log)
	return log.Close(ctx)
}

// begin counts a session, or a single call if ss is nil. It returns false if the server is closed.
func (s *Server) begin(ss *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.working++
	if ss != nil {
		s.sessions[ss] = struct{}{}
	}
	return true
}

// done uncounts a session, or a single call, that begin has counted.
func (s *Server) done(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working--
	delete(s.sessions, ss)
	if ss != nil && s.callers.latest == ss {
		s.callers.latest = nil
	}
	s.checkIdleLocked()
}

func (s *Server) checkIdleLocked() {
	if !s.draining.Load() || s.working > 0 {
		return
	}
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}
