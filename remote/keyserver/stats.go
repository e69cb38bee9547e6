package keyserver

import (
	"cmp"
	"slices"

	"asynccrypto/remote/internal/wire"
)

// Outcomes counts requests for signatures by their outcomes.
type Outcomes struct {
	Signed      uint64 // answered with a signature
	NoKey       uint64 // for a key that the server has not
	Denied      uint64 // by the allow file
	Bad         uint64 // made no sense for the key
	Failed      uint64 // the key failed
	Expired     uint64 // the client's deadline passed, or the client went, before the signature was made
	Busy        uint64 // over the client's bound, or too fast for the audit log
	Unavailable uint64 // the key's place or the audit log was away, or the server shut down
}

// Lookups counts questions for one key by its name, as [asynccrypto/remote.Engine.Signer] asks, by
// their outcomes. They have no line in the audit log. Clients are told the same for Denied and NoKey.
type Lookups struct {
	Found  uint64
	Denied uint64 // the allow file has no line for the client and the key
	NoKey  uint64 // the server has no such key
}

// KeyStats is about a key that the server has.
type KeyStats struct {
	Name string
	// Outcomes are those since a key of this name is there. A signature that was made, and was not
	// given because its line of the audit log could not be written, is Signed here, and
	// Unavailable or Busy in [PeerStats].
	Outcomes Outcomes
}

// PeerStats is about a client.
type PeerStats struct {
	Name     string // as in the allow file, several names with blanks between them
	Outcomes Outcomes
	Lookups  Lookups
	InFlight int // requests under way
	Sessions int // open connections of Unix sockets and sessions of gRPC
}

// Stats are the statistics of a [Server]. The figures of batches are the engine's.
type Stats struct {
	Keys []KeyStats // by name
	// Peers has the first 256 clients by name, also those that are not connected now, but none
	// whose name has more than 256 bytes.
	Peers []PeerStats
	// Others sums up all other clients. Its name is empty.
	Others PeerStats
	// InFlight and Sessions are those of all clients.
	InFlight int
	Sessions int
	// AuditWritten counts the lines of the audit log, and AuditLost the signatures and refusals of
	// which no line tells. Unless [Config].AuditOptional is set, no signature was given for the lost
	// ones. AuditFailing reports whether the log cannot be written at the moment.
	AuditWritten uint64
	AuditLost    uint64
	AuditFailing bool
}

// Stats returns the statistics since the server was made. The slices belong to the caller.
func (s *Server) Stats() (st Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys.sorted {
		st.Keys = append(st.Keys, KeyStats{k.name, k.outcomes.load()})
	}
	st.Others.Outcomes, st.Others.Lookups = s.others.outcomes.load(), s.others.lookups.loadLookups()
	for _, c := range s.clients {
		p := PeerStats{Name: c.peer.String(), InFlight: c.holds[requestHold], Sessions: c.holds[sessionHold]}
		st.InFlight += p.InFlight
		st.Sessions += p.Sessions
		if c.named {
			p.Outcomes, p.Lookups = c.outcomes.load(), c.lookups.loadLookups()
			st.Peers = append(st.Peers, p)
		} else {
			st.Others.InFlight += p.InFlight
			st.Others.Sessions += p.Sessions
		}
	}
	slices.SortFunc(st.Peers, func(a, b PeerStats) int { return cmp.Compare(a.Name, b.Name) })
	if log := s.log.Load(); log != nil {
		a := log.Stats()
		st.AuditWritten, st.AuditLost, st.AuditFailing = a.Written, a.Lost, a.Failing
	}
	return st
}

func (o *outcomes) load() Outcomes {
	return Outcomes{
		Signed:      o[wire.OK].Load(),
		NoKey:       o[wire.NoKey].Load(),
		Denied:      o[wire.Denied].Load(),
		Bad:         o[wire.Bad].Load(),
		Failed:      o[wire.Failed].Load(),
		Expired:     o[wire.Expired].Load(),
		Busy:        o[wire.Busy].Load(),
		Unavailable: o[wire.Unavailable].Load(),
	}
}

func (o *outcomes) loadLookups() Lookups {
	return Lookups{Found: o[wire.OK].Load(), Denied: o[wire.Denied].Load(), NoKey: o[wire.NoKey].Load()}
}
