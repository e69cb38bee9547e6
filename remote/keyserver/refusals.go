package keyserver

import (
	"errors"
	"sync"
	"time"

	"asynccrypto/remote/internal/audit"
	"asynccrypto/remote/internal/wire"
)

const (
	// maxRefusals and refusalTime are a token bucket: of so many lines, which gains one in that time.
	maxRefusals = 1000
	refusalTime = time.Second

	omittedTime = time.Minute // until refusals without a line of their own are counted in one
)

// refusals bounds the lines of the audit log that a client's refusals take, since a client can have
// itself refused as often as it likes.
type refusals struct {
	peer string // in the line that counts those without one

	mu      sync.Mutex
	full    time.Time // when the bucket is full
	omitted uint64    // refusals that no line tells of yet
	timer   *time.Timer
}

// record reports whether a refusal has a line of its own. If it has none, it will be counted in
// another one.
func (r *refusals) record(log *audit.Log) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if full := later(r.full, now).Add(refusalTime); full.Sub(now) <= maxRefusals*refusalTime {
		r.full = full
		return true
	}
	if r.omitted == 0 {
		r.timer = time.AfterFunc(omittedTime, func() { r.flush(log, false) })
	}
	r.omitted++
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// flush writes the line that counts the refusals without one. While the log cannot be written it waits for
// that, unless this is the last call.
func (r *refusals) flush(log *audit.Log, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.omitted == 0:
	case !last && errors.Is(log.Err(), audit.ErrFailing):
		r.timer.Reset(omittedTime)
	default:
		r.timer.Stop()
		log.Add(&audit.Record{Time: time.Now(), Peer: r.peer, Operation: wire.OpSign.String(), Result: "refused", Refused: r.omitted}, func(error) {})
		r.omitted = 0
	}
}

// flushRefusals has the audit log tell of every refusal, before it is closed.
func (s *Server) flushRefusals(log *audit.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others.refusals.flush(log, true)
	for _, c := range s.clients {
		c.refusals.flush(log, true)
	}
}
