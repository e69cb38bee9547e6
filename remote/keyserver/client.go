package keyserver

import (
	"math"
	"sync/atomic"

	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/wire"
)

// maxNamed is how many clients have statistics of their own: the first ones, but those of very long
// names.
const maxNamed = 256

// client is a peer with all its connections and requests.
type client struct {
	peer   allow.Peer
	named  bool       // has a tally of its own, and stays in Server.clients
	*tally            // its own, or that of all others
	holds  [holds]int // guarded by Server.mu
}

// tally is about the requests of a client.
type tally struct {
	outcomes outcomes // of requests for signatures
	lookups  outcomes // of keys by name
	refusals refusals
}

func newTally(name string) *tally { return &tally{refusals: refusals{peer: name}} }

// hold is why a client is kept in mind. Requests count for themselves: a client that leaves them
// behind, and comes again, is to find them.
type hold int

const (
	callHold    hold = iota // a single call of gRPC
	requestHold             // a request for a signature that is under way
	sessionHold             // a connection of plain frames, or a session of gRPC
	connHold                // a connection of gRPC
	holds
)

// most is how many holds a client may have.
func (s *Server) most(h hold) int {
	switch h {
	case callHold:
		return math.MaxInt // its connections bound them
	case requestHold:
		return s.inFlight
	}
	return s.conns
}

// enter returns the client of a peer for one more hold. The caller calls leave. It returns false if
// the client has as many as it may.
func (s *Server) enter(peer allow.Peer, h hold) (*client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[peer.Key()]
	if c == nil {
		c = &client{peer: peer, tally: s.others}
		// Two long names may be the same when they are cut, and nobody has none.
		if s.named < maxNamed && peer.Key() != "" && peer.String() == peer.Key() {
			s.named++
			c.named, c.tally = true, newTally(peer.String())
		}
		s.clients[peer.Key()] = c
	}
	return c, s.holdLocked(c, h)
}

// acquire is enter for a request of a client that has another hold. alone reports whether the server
// has no other request.
func (s *Server) acquire(c *client) (ok, alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok = s.holdLocked(c, requestHold)
	return ok, s.requests == 1
}

func (s *Server) holdLocked(c *client, h hold) bool {
	if c.holds[h] >= s.most(h) {
		return false
	}
	c.holds[h]++
	if h == requestHold {
		s.requests++
	}
	return true
}

func (s *Server) leave(c *client, h hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.holds[h]--
	if h == requestHold {
		s.requests--
	}
	// The request that a session began with at its end may find the client gone, and another one in
	// its place.
	if key := c.peer.Key(); c.holds == [holds]int{} && !c.named && s.clients[key] == c {
		delete(s.clients, key)
	}
}

// outcomes counts requests by their status.
type outcomes [wire.Unavailable + 1]atomic.Uint64

func (o *outcomes) count(status wire.Status) { o[status].Add(1) }
