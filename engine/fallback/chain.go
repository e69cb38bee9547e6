package fallback

import (
	"context"
	"crypto"
	"io"
	"strings"
	"sync/atomic"

	"asynccrypto/engine"
	"asynccrypto/engine/internal/sysrand"
)

// chain is shared by all signers that WithContext makes of one Signer.
type chain struct {
	members  []*member
	message  bool // a member is a crypto.MessageSigner
	decrypts bool // all members are crypto.Decrypters
	closed   atomic.Bool
}

// Public returns the public key, which all members have.
func (c *chain) Public() crypto.PublicKey { return c.members[0].key.Public() }

// Unwrap implements engine.Chain.
func (c *chain) Unwrap() []crypto.PrivateKey {
	keys := make([]crypto.PrivateKey, len(c.members))
	for i, m := range c.members {
		keys[i] = m.key
	}
	return keys
}

// Close implements Signer and Decrypter.
func (c *chain) Close() error {
	if !c.closed.Swap(true) {
		for _, m := range c.members {
			m.breaker.quit(m)
		}
	}
	return nil
}

// Stats implements Signer and Decrypter.
func (c *chain) Stats() []MemberStats {
	stats := make([]MemberStats, len(c.members))
	for i, m := range c.members {
		s := MemberStats{Name: m.name, Failures: m.failures.Load(), Timeouts: m.timeouts.Load(), Skipped: m.skipped.Load()}
		s.Operations = m.operations.Load() // after its parts, so that it is never less than their sum
		s.State, s.Opened = m.breaker.stats()
		stats[i] = s
	}
	return stats
}

// operation does one operation with the key of a member. The key is bound to the attempt's context.
type operation func(key key, rand io.Reader) ([]byte, error)

// do asks one member after the other until one answers.
func (c *chain) do(ctx context.Context, rand io.Reader, kind kind, op operation) ([]byte, error) {
	if c.closed.Load() {
		return nil, engine.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var t *turns
	if rand != nil && !sysrand.Is(rand) { // any number of goroutines may read the system's
		t = &turns{r: rand}
		defer t.next() // ends the last turn
	}
	last := len(c.members) - 1
	attempt := ctx
	if last > 0 {
		attempt = engine.WithFallback(ctx)
	}
	var failed []error
	for i, m := range c.members {
		if t != nil {
			rand = t.next()
		}
		if i == last {
			attempt = ctx
		}
		out, err, next := m.ask(attempt, rand, kind, op, i == last)
		if !next {
			return out, err
		}
		failed = append(failed, err)
	}
	return nil, &chainError{c.members, failed}
}

// chainError is the error of an operation that every member failed: failed[i] is that of members[i].
type chainError struct {
	members []*member
	failed  []error
}

func (e *chainError) Error() string {
	var s strings.Builder
	s.WriteString("fallback: no member could do it")
	for i, m := range e.members {
		s.WriteString([]string{": ", "; "}[min(i, 1)])
		s.WriteString(m.name + ": " + e.failed[i].Error())
	}
	return s.String()
}

// Unwrap is for errors.Is and errors.As. The error of the last member, which is asked in any case,
// is engine.ErrUnavailable.
func (e *chainError) Unwrap() []error { return e.failed }
