package fallback

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"
	"unicode/utf8"

	"asynccrypto/engine"
	"asynccrypto/internal/publickey"
)

// Member is one of the places of a key.
type Member struct {
	// Name names the member in errors, logs and metrics. The names of a chain are different, not
	// empty, and valid UTF-8.
	Name string
	// Signer is the key, for [New]. A signer that has the method
	//
	//	WithContext(context.Context) crypto.Signer
	//
	// is bound to the caller's context for each operation. The signers of package engine, of
	// tokens, and of this package have it. If such a signer returns before its operation has ended,
	// because its context is done, it has to use a copy of its input from then on, as engines do. A
	// signer without that method blocks the caller for as long as it takes.
	Signer crypto.Signer
	// Decrypter is the key, for [NewDecrypter]. It is bound if it has WithContext, as a Signer is.
	Decrypter crypto.Decrypter
	// Timeout bounds each attempt, the time in an engine's line included; 0 means that only the
	// caller's context does. It needs a key that has WithContext. Set it shorter than the callers
	// wait: an attempt that ends with the caller's context does not count in the breaker, and
	// leaves no time for the next member.
	Timeout time.Duration
	// Breaker is shared by the keys of one place; nil means that the member has one of its own.
	Breaker *Breaker
}

// Options are the options of [New] and [NewDecrypter]. The zero value is ready for use.
type Options struct {
	// Logger, if not nil, gets a line when a breaker opens (Warn) or closes (Info), when a probe's
	// signature is wrong (Warn), and when a probe fails otherwise (Debug).
	Logger *slog.Logger
}

// Signer is a private key in several places. It implements [crypto.Decrypter] if, and only if, the
// signers of all members do, and [crypto.MessageSigner] if at least one does: for the others,
// SignMessage hashes the message, as [crypto.SignMessage] does. So does every signer that WithContext
// returns. Any goroutine may use it.
//
// Call Close when done. Close ends the probes, and makes every later operation fail with
// [engine.ErrClosed]. The members' signers are not closed: they belong to their owners. Like an
// [engine.Signer], a Signer that WithContext has not bound blocks its caller, also in a job.
//
// The random reader of a call is read by one member at a time. An attempt that has been given up
// gets an error from the reader; a Read that had begun may still end after the call has.
type Signer interface {
	engine.Signer
	engine.Chain
	// Stats returns the statistics of this moment, of each member in turn.
	Stats() []MemberStats
}

// Decrypter is a private key in several places that only decrypts, like [Signer].
type Decrypter interface {
	engine.Decrypter
	engine.Chain
	Stats() []MemberStats // as Signer.Stats
}

// New makes a chain of the keys of members, which are asked in that order. It returns an error if
// there is no member, if a member lacks its name or its signer, if two have one name or different
// public keys, if a number is negative, or if a Timeout is set for a signer without WithContext.
func New(o Options, members ...Member) (Signer, error) {
	c, err := newChain(o, members, signerOf)
	if err != nil {
		return nil, err
	}
	return newSigner(c, context.Background()), nil
}

// NewDecrypter makes a chain of keys that only decrypt. The errors are those of [New]. If the keys
// sign too, use New.
func NewDecrypter(o Options, members ...Member) (Decrypter, error) {
	c, err := newChain(o, members, decrypterOf)
	if err != nil {
		return nil, err
	}
	return decrypter{c, context.Background()}, nil
}

// key is what signers and decrypters have in common.
type key interface{ Public() crypto.PublicKey }

// signerOf returns the key of m for New, and a function that binds the key to a context, or nil if
// the key cannot be bound.
func signerOf(m Member) (key, func(context.Context) key, error) {
	if m.Decrypter != nil {
		return nil, nil, errors.New("its Decrypter is set; New takes a Signer, and NewDecrypter a Decrypter")
	}
	if isNil(m.Signer) {
		return nil, nil, errors.New("its Signer is nil")
	}
	if s, ok := m.Signer.(interface {
		WithContext(context.Context) crypto.Signer
	}); ok {
		return m.Signer, func(ctx context.Context) key { return s.WithContext(ctx) }, nil
	}
	return m.Signer, nil, nil
}

// decrypterOf is signerOf for NewDecrypter.
func decrypterOf(m Member) (key, func(context.Context) key, error) {
	if m.Signer != nil {
		return nil, nil, errors.New("its Signer is set; NewDecrypter takes a Decrypter, and New a Signer")
	}
	if isNil(m.Decrypter) {
		return nil, nil, errors.New("its Decrypter is nil")
	}
	if d, ok := m.Decrypter.(interface {
		WithContext(context.Context) crypto.Decrypter
	}); ok {
		return m.Decrypter, func(ctx context.Context) key { return d.WithContext(ctx) }, nil
	}
	return m.Decrypter, nil, nil
}

func isNil(key any) bool {
	v := reflect.ValueOf(key)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

func newChain(o Options, members []Member, keyOf func(Member) (key, func(context.Context) key, error)) (*chain, error) {
	if len(members) == 0 {
		return nil, errors.New("fallback: no member; a chain needs at least one")
	}
	log := cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	c := &chain{decrypts: true}
	names := map[string]bool{}
	for i, given := range members {
		if given.Name == "" || !utf8.ValidString(given.Name) || names[given.Name] {
			return nil, fmt.Errorf("fallback: member %d is named %q; give each member a name of its own, in UTF-8", i, given.Name)
		}
		names[given.Name] = true
		m, err := newMember(given, log, keyOf)
		if err != nil {
			return nil, fmt.Errorf("fallback: member %q: %w", given.Name, err)
		}
		if i > 0 && !publickey.Equal(c.Public(), m.key.Public()) {
			return nil, fmt.Errorf("fallback: the public keys of %q and %q differ; the members of a chain have one key", members[0].Name, m.name)
		}
		c.members = append(c.members, m)
		bound := m.bound(context.Background())
		_, message := bound.(crypto.MessageSigner)
		_, decrypts := bound.(crypto.Decrypter)
		c.message, c.decrypts = c.message || message, c.decrypts && decrypts
	}
	for _, m := range c.members {
		m.breaker.join(m)
	}
	return c, nil
}

func newMember(given Member, log *slog.Logger, keyOf func(Member) (key, func(context.Context) key, error)) (*member, error) {
	key, bind, err := keyOf(given)
	if err != nil {
		return nil, err
	}
	if !publickey.Equal(key.Public(), key.Public()) {
		return nil, fmt.Errorf("its public key is of type %T, whose Equal cannot tell that it is the same key", key.Public())
	}
	if given.Timeout < 0 {
		return nil, fmt.Errorf("its Timeout is %v; it must be at least 0", given.Timeout)
	}
	if given.Timeout > 0 && bind == nil {
		return nil, fmt.Errorf("its Timeout is %v, but its key has no method WithContext, so nothing can bound an attempt; wrap the key by an engine", given.Timeout)
	}
	breaker := given.Breaker
	if breaker == nil {
		breaker = new(Breaker)
	}
	if breaker.Failures < 0 || breaker.Cooldown < 0 {
		return nil, fmt.Errorf("its Breaker has Failures %d and Cooldown %v; both must be at least 0", breaker.Failures, breaker.Cooldown)
	}
	return &member{
		name:    given.Name,
		key:     key,
		bind:    bind,
		timeout: given.Timeout,
		breaker: breaker,
		probes:  canProbe(key),
		log:     log.With("member", given.Name),
	}, nil
}
