package pool

import (
	"context"
	"errors"
	"time"

	"asynccrypto/remote/internal/wire"
)

// Stats are a pool's statistics since it was made. Requests = OK + NoKey + ... + Closed + those
// under way.
type Stats struct {
	Requests uint64 // calls of Do
	Hedges   uint64 // requests asked again because they were late, within the budget
	Again    uint64 // requests asked again because a node was lost, suspended or has refused them

	OK, NoKey, Denied, Bad, Failed, Expired, Unavailable, Abandoned, Closed uint64

	HedgeDelay time.Duration // at present
	InFlight   int           // calls under way
	Waiting    int           // those of them that wait for a node
}

// ended counts the end of a call.
func (s *Stats) ended(err error) {
	var refused *RefusedError
	count := &s.Unavailable
	switch {
	case err == nil:
		count = &s.OK
	case errors.Is(err, context.DeadlineExceeded):
		count = &s.Expired
	case errors.Is(err, context.Canceled):
		count = &s.Abandoned
	case errors.Is(err, ErrClosed):
		count = &s.Closed
	case errors.As(err, &refused):
		switch refused.Status {
		case wire.NoKey:
			count = &s.NoKey
		case wire.Denied:
			count = &s.Denied
		case wire.Bad:
			count = &s.Bad
		default:
			count = &s.Failed
		}
	}
	*count++
}

// peerCounts are a node's figures since its address was found.
type peerCounts struct {
	Asked       uint64 // requests sent
	Answered    uint64 // those that it did
	Refused     uint64 // those that it answered with another status
	Wrong       uint64 // answers that were wrong
	Late        uint64 // requests that it has not answered within the hedge delay
	Suspensions uint64 // how often it got no requests for a while, because three were late
	Lost        uint64 // connections that were up
}

// Health is the state of a node.
type Health struct {
	Node, Addr string
	Up         bool      // it has answered a ping on its connection
	Suspended  bool      // it gets no requests until it answers a ping
	Since      time.Time // of Up
	Err        error     // of the last connection, or attempt to connect; nil if it is up
	InFlight   int
	Latency    time.Duration // moving average
	P95        time.Duration // 0: too few samples
	peerCounts
}

// Stats returns the statistics of this moment.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.unlock()
	s := p.counts
	s.HedgeDelay, s.InFlight, s.Waiting = p.delay, p.calls.Len(), p.waiting.Len()
	return s
}

// Nodes returns the state of each address, and of each node that has none, in the order of the
// configuration.
func (p *Pool) Nodes() []Health {
	p.mu.Lock()
	defer p.unlock()
	var all []Health
	for _, n := range p.names {
		if len(n.addrs) == 0 {
			all = append(all, Health{Node: n.node, Err: n.err, Since: p.start})
		}
		for _, addr := range n.addrs {
			for _, r := range p.peers {
				if r.addr == addr && r.node == n.node && !r.retired {
					all = append(all, r.health(p))
				}
			}
		}
	}
	return all
}

func (r *peer) health(p *Pool) Health {
	h := Health{
		Node: r.node, Addr: r.addr, Up: r.up(), Since: p.start.Add(r.since), Err: r.err,
		Latency: r.latency.mean, P95: r.latency.p95, peerCounts: r.counts,
	}
	if r.link != nil {
		h.Suspended, h.InFlight = r.link.suspended, len(r.link.sent)
	}
	return h
}
