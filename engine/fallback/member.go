package fallback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// MemberStats are a member's statistics since the chain was made.
type MemberStats struct {
	Name       string
	Operations uint64 // operations that the member was asked to do; probes are not counted
	Failures   uint64 // those that it failed as unavailable
	Timeouts   uint64 // those that it did not answer within its Timeout
	Skipped    uint64 // operations that passed it over, because of its breaker
	State      State  // of its breaker
	Opened     uint64 // how often its breaker has opened; for all members that share the breaker
}

// member is a Member of a chain, with its figures.
type member struct {
	name    string
	key     key
	bind    func(context.Context) key // nil if the key cannot be bound
	timeout time.Duration
	breaker *Breaker
	probes  bool // the key can sign a probe
	log     *slog.Logger

	operations, failures, timeouts, skipped atomic.Uint64
}

func (m *member) bound(ctx context.Context) key {
	if m.bind == nil {
		return m.key
	}
	return m.bind(ctx)
}

// kind is the kind of an operation.
type kind int

const (
	signing kind = iota
	decryption
)

// verdict is the conclusion from an operation about the place of the key.
type verdict int

const (
	nothing   verdict = iota
	answered          // it answered with an error of the caller's making
	succeeded         // it works
	failed            // it is unavailable
)

// ask has the member do op. next reports whether the next member should be asked, because of err.
func (m *member) ask(ctx context.Context, rand io.Reader, kind kind, op operation, last bool) (out []byte, err error, next bool) {
	t, err := m.breaker.enter(last)
	if err != nil {
		m.skipped.Add(1)
		return nil, err, true
	}
	m.operations.Add(1)
	v := nothing // also if op panics, or its job ends
	defer func() { m.logEvent(m.breaker.leave(t, v, err), err) }()
	attempt := ctx
	if m.timeout > 0 {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, m.timeout)
		defer cancel()
	}
	out, err = op(m.bound(attempt), rand)
	switch {
	case err == nil:
		v = succeeded
	case errors.Is(err, async.ErrCanceled): // the caller's job is to end
	case ctx.Err() != nil: // the caller's time is up, not the attempt's
		err = ctx.Err()
	case errors.Is(err, engine.ErrUnavailable):
		m.failures.Add(1)
		v, next = failed, true
	case attempt.Err() != nil:
		m.timeouts.Add(1)
		err, v, next = m.noAnswer(m.timeout), failed, true
	case errors.Is(err, engine.ErrClosed): // by the owner of the key
	case kind == signing:
		v = answered
	}
	return out, err, next
}

// noAnswer returns the error of an attempt that has taken longer than timeout. It is not the
// context's error, which would look as if the caller's own time were up.
func (m *member) noAnswer(timeout time.Duration) error {
	return fmt.Errorf("%w: no answer within %v", engine.ErrUnavailable, timeout)
}

// logEvent logs what has happened to the member's breaker because of err.
func (m *member) logEvent(e event, err error) {
	switch e {
	case opened:
		m.log.Warn("the key is passed over: its breaker has opened", "error", err)
	case stayedOpen:
		m.log.Debug("the key is still unavailable", "error", err)
	case wronglySigned:
		m.log.Warn("the key is still passed over: it signs wrongly", "error", err)
	case refused:
		m.log.Debug("the key makes no probe: operations take its place", "error", err)
	case closed:
		m.log.Info("the key is available again: its breaker has closed")
	}
}
