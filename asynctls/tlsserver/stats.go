package tlsserver

import "sync/atomic"

// Stats are a [Server]'s figures since it was made.
type Stats struct {
	Accepted    uint64 // connections accepted
	Handshakes  uint64 // handshakes that succeeded
	Resumed     uint64 // handshakes that succeeded with a session ticket, a part of Handshakes
	Failed      uint64 // handshakes that failed, without TimedOut and Canceled
	TimedOut    uint64 // handshakes that were not done in time
	Canceled    uint64 // handshakes that Shutdown or Close ended
	Handshaking int    // connections whose handshake is not done, begun or not
	Open        int    // connections whose handshake is done, until they are closed
	Running     int    // handshake jobs that are running
	Paused      int    // handshake jobs that are paused: for the peer, or for an engine
	InLine      int    // handshakes that wait in line because of MaxHandshakes
}

type counters struct {
	accepted, handshakes, resumed, failed, timedOut, canceled atomic.Uint64
	open                                                      atomic.Int64
}

// Stats returns the current figures. Any goroutine may call it. A part is never larger than its
// whole: Resumed is at most Handshakes, and the handshakes that have ended are at most
// Accepted.
func (s *Server) Stats() Stats {
	c := &s.counters
	s.mu.Lock()
	pending, loops := s.pending, s.loops
	s.mu.Unlock()
	st := Stats{ // read in this order, the parts first, because they are counted last
		Resumed:     c.resumed.Load(),
		Handshakes:  c.handshakes.Load(),
		Failed:      c.failed.Load(),
		TimedOut:    c.timedOut.Load(),
		Canceled:    c.canceled.Load(),
		Accepted:    c.accepted.Load(),
		Handshaking: len(pending),
		Open:        int(c.open.Load()),
	}
	for _, l := range loops {
		p := l.options.Pool.Stats()
		st.Running += p.Running
		st.Paused += p.Paused
		st.InLine += p.Waiting
	}
	return st
}
