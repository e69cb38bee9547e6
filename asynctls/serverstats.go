package asynctls

import "sync/atomic"

// ServerStats are a Server's figures since it was made.
type ServerStats struct {
	Accepted    uint64 // connections
	Handshakes  uint64 // that succeeded
	Resumed     uint64 // of these, with a session ticket
	Failed      uint64 // handshakes that failed, the next two not counted
	TimedOut    uint64 // handshakes that were not done in time
	Canceled    uint64 // handshakes that Shutdown or Close ended
	Handshaking int    // connections whose handshake is not done, begun or not
	Open        int    // connections whose handshake is done, until they are closed
	Running     int    // jobs of handshakes that run now
	Paused      int    // jobs of handshakes that are paused: for the peer, or for an engine
	InLine      int    // handshakes in line, because of MaxHandshakes
}

type serverFigures struct {
	accepted, handshakes, resumed, failed, timedOut, canceled atomic.Uint64
	open                                                      atomic.Int64
}

// Stats returns the figures of this moment. Any goroutine may call it. What is part of another is never more than that:
// Resumed of Handshakes, and handshakes that have ended of Accepted.
func (s *Server) Stats() ServerStats {
	f := &s.figures
	s.mu.Lock()
	pending, loops := s.pending, s.loops
	s.mu.Unlock()
	st := ServerStats{ // read in this order, the parts first: they are counted last
		Resumed:     f.resumed.Load(),
		Handshakes:  f.handshakes.Load(),
		Failed:      f.failed.Load(),
		TimedOut:    f.timedOut.Load(),
		Canceled:    f.canceled.Load(),
		Accepted:    f.accepted.Load(),
		Handshaking: len(pending),
		Open:        int(f.open.Load()),
	}
	for _, l := range loops {
		p := l.o.Pool.Stats()
		st.Running += p.Running
		st.Paused += p.Paused
		st.InLine += p.Waiting
	}
	return st
}
