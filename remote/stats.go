package remote

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"asynccrypto/remote/internal/pool"
)

// Stats are an engine's statistics since it was made. Requests are operations that have left the
// queue of [Engine.Engine], and the questions of [Engine.Signer] and [Engine.Keys]. At any moment
//
//	Requests = OK + NoKey + Denied + Bad + Failed + Expired + Unavailable + Abandoned + Closed + InFlight
type Stats struct {
	Requests uint64
	Hedges   uint64 // requests asked of one more node because they were late
	Again    uint64 // requests asked of one more node because a node was lost, suspended, or has refused them

	OK          uint64 // answered
	NoKey       uint64 // ended with ErrNoKey
	Denied      uint64 // ended with ErrDenied
	Bad         uint64 // a node has found the request to make no sense for the key
	Failed      uint64 // the key has failed
	Expired     uint64 // no answer in time
	Unavailable uint64 // ended with engine.ErrUnavailable
	Abandoned   uint64 // their callers had gone before a node was asked
	Closed      uint64 // ended with engine.ErrClosed

	HedgeDelay time.Duration // after which a request is late, at present
	InFlight   int           // requests under way
	Waiting    int           // those of them that wait for a node

	Nodes []NodeHealth // as Engine.Nodes
	Keys  []KeyStats   // by name
}

// KeyStats are the statistics of a key.
type KeyStats struct {
	Name     string // by which Engine.Signer was last asked for it; empty for a key of SignerFor alone
	ID       string // SHA-256 of the public key (SubjectPublicKeyInfo), in hexadecimal
	Signed   uint64 // operations that ended with a signature
	Failed   uint64 // operations that ended with an error
	Verified uint64 // signatures that were verified
	Rejected uint64 // signatures that were wrong
}

// NodeHealth is the state of a node.
type NodeHealth struct {
	Node      string // of Config.Nodes
	Address   string // one of its addresses; empty if it was not found
	Up        bool   // it has answered a ping on its connection, and takes requests
	Suspended bool   // it gets no requests until it answers a ping, because three were late
	Since     time.Time
	LastError error // why it is not up, such as ErrClientRefused; nil if it is, or was not tried yet

	InFlight int           // requests that it has not answered
	Latency  time.Duration // moving average
	P95      time.Duration // 95th percentile; 0 if there are too few samples

	Asked       uint64 // requests that it was sent
	Answered    uint64 // those that it did
	Refused     uint64 // those that it did not do
	Wrong       uint64 // answers that were wrong, such as signatures by another key
	Late        uint64 // requests that it had not answered when they were late
	Suspensions uint64 // how often it was suspended
	Lost        uint64 // connections that were up and have ended
}

// Nodes returns the state of every address of the nodes, in the order of [Config].Nodes.
func (e *Engine) Nodes() []NodeHealth {
	all := e.pool.Nodes()
	nodes := make([]NodeHealth, len(all))
	for i := range all {
		nodes[i] = health(&all[i])
	}
	return nodes
}

func health(h *pool.Health) NodeHealth {
	return NodeHealth{
		Node: h.Node, Address: h.Addr, Up: h.Up, Suspended: h.Suspended, Since: h.Since, LastError: h.Err,
		InFlight: h.InFlight, Latency: h.Latency, P95: h.P95,
		Asked: h.Asked, Answered: h.Answered, Refused: h.Refused, Wrong: h.Wrong, Late: h.Late,
		Suspensions: h.Suspensions, Lost: h.Lost,
	}
}

// Stats returns the statistics of this moment.
func (e *Engine) Stats() Stats {
	p := e.pool.Stats()
	s := Stats{
		Requests: p.Requests, Hedges: p.Hedges, Again: p.Again,
		OK: p.OK, NoKey: p.NoKey, Denied: p.Denied, Bad: p.Bad, Failed: p.Failed, Expired: p.Expired,
		Unavailable: p.Unavailable, Abandoned: p.Abandoned, Closed: p.Closed,
		HedgeDelay: p.HedgeDelay, InFlight: p.InFlight, Waiting: p.Waiting,
		Nodes: e.Nodes(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, f := range e.figures {
		s.Keys = append(s.Keys, KeyStats{
			Name: *f.name.Load(), ID: hex.EncodeToString(id[:]),
			Signed: f.signed.Load(), Failed: f.failed.Load(), Verified: f.verified.Load(), Rejected: f.rejected.Load(),
		})
	}
	slices.SortFunc(s.Keys, func(a, b KeyStats) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return s
}
