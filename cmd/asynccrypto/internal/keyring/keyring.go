// Package keyring opens the private keys that options such as -key and -fallback-key name: those in
// files, those on tokens with a PKCS #11 module, and those on key servers.
package keyring

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/publickey"
	"asynccrypto/remote"
)

// Failure makes err, about the value of an option, the error of a command. It is a usage error,
// unless the token or the key servers are away: then the same command may succeed later.
func Failure(option string, err error) error {
	if option != "" {
		err = fmt.Errorf("-%s: %w", option, err)
	}
	if IsAway(err) {
		return err
	}
	return cli.Usagef("%w", err)
}

// IsAway reports whether err says that a token or the key servers are away, and not that a PIN was
// refused or that the servers have no such key.
func IsAway(err error) bool {
	return errors.Is(err, engine.ErrUnavailable) && !errors.Is(err, pkcs11.ErrPIN) && !errors.Is(err, remote.ErrNoKey)
}

// A Ring holds the tokens and the key servers of a process: those of its keys, each opened once. So
// keys of one token share its sessions and its breaker, and its PIN is tried once; keys of the same
// servers share their connections. A URI that may name a token that is away and in the ring names it,
// unless an attribute differs. One goroutine at a time may use a ring. Call Close when done.
type Ring struct {
	o         Options
	tokens    []*Token
	byURI     map[string]*Token // by the URIs as they were given, without the attributes of the key
	servers   []*Server
	byServers map[string]*Server // by keyuri.URI.Servers
	life      context.Context    // ends with Close
	end       context.CancelFunc
	waiting   sync.WaitGroup // calls of await
}

// New returns a ring without tokens and servers.
func New(o Options) *Ring {
	r := &Ring{o: o, byURI: make(map[string]*Token), byServers: make(map[string]*Server)}
	r.life, r.end = context.WithCancel(context.Background())
	return r
}

// signer is a key on a token, or on key servers.
type signer struct {
	engine.Signer
	drop context.CancelFunc // ends await, for a key whose place was away; else nil
}

// Key is a private key.
type Key struct {
	// Name names the key in messages: its file, or its URI without the query, which may hold a PIN.
	Name string
	// Private is the key as the file has it, or else an [engine.Signer], of the token's engine or that
	// of the key servers.
	Private crypto.PrivateKey
	Token   *Token  // nil for a key that is not on a token
	Server  *Server // nil for a key that is not on key servers
	// Away says why the key could not be looked up, if its token or its servers are away. It is looked
	// up when they are there.
	Away error
}

// InFile reports whether the key is in a file, so that an engine may wrap it. Other keys are bound to
// the engine of their place.
func (k *Key) InFile() bool { return k.Token == nil && k.Server == nil }

// Place names where the key is: its file, its token, or its key servers.
func (k *Key) Place() string {
	switch {
	case k.Token != nil:
		return k.Token.Name
	case k.Server != nil:
		return k.Server.Name
	}
	return k.Name
}

// Engine returns the engine of the key's place, or nil for a key in a file.
func (k *Key) Engine() *engine.Engine {
	switch {
	case k.Token != nil:
		return k.Token.Engine()
	case k.Server != nil:
		return k.Server.Engine.Engine()
	}
	return nil
}

// breaker returns the breaker of the key's place, or nil for a key in a file.
func (k *Key) breaker() *fallback.Breaker {
	switch {
	case k.Token != nil:
		return &k.Token.breaker
	case k.Server != nil:
		return &k.Server.breaker
	}
	return nil
}

// IsURI reports whether the value of an option is the URI of a key, and no file.
func IsURI(value string) bool { return IsToken(value) || keyuri.Is(value) }

// Shown returns the value of an option without what must not be shown: a query, which may hold a PIN.
func Shown(value string) string {
	if IsURI(value) {
		value, _, _ = strings.Cut(value, "?")
	}
	return value
}

// Named is an option with its value, which names a key: a file, a URI of RFC 7512, or one of package
// keyuri. The option may be empty.
type Named struct{ Option, Value string }

// Open opens a key. Errors show no PIN. They are usage errors, except those of tokens and servers that
// are away.
func (r *Ring) Open(n Named) (*Key, error) { return r.open(n, nil, false) }

// OpenChain opens a key in all the places that are named, for [Ring.Signer]. It returns them after
// those of chain, which are open already. public is the public key, or nil. If the ring has opened
// a URI before, and the key's public key is public, the token is not asked again.
//
// If the token of a key is away, that is no error as long as the key is open in another place: see
// [Key].Away. If its key servers are away, it is enough that public is known. Other errors are usage
// errors, and show no PIN.
func (r *Ring) OpenChain(public crypto.PublicKey, chain []*Key, named ...Named) ([]*Key, error) {
	mayBeAway := len(chain)+len(named) > 1
	there := len(chain) > 0
	keys, away := make([]*Key, len(named)), make([]error, len(named))
	for i, n := range named {
		k, err := r.open(n, public, mayBeAway)
		switch {
		case err == nil:
			keys[i], there = k, true
			if k, ok := k.Private.(interface{ Public() crypto.PublicKey }); ok && public == nil {
				public = k.Public()
			}
		case mayBeAway && IsAway(err):
			away[i] = err
		default:
			return nil, err
		}
	}
	if !there {
		err := away[0]
		for _, other := range away[1:] {
			err = fmt.Errorf("%w; %w", err, other)
		}
		return nil, err
	}
	for i, n := range named {
		if away[i] != nil {
			k, err := r.openAway(n, public, away[i])
			if err != nil {
				return nil, err
			}
			keys[i] = k
		}
	}
	return append(chain, keys...), nil
}

// open opens a key whose public key is public, unless that is nil. mayBeAway says that the token
// stays open if it is away, for openAway.
func (r *Ring) open(n Named, public crypto.PublicKey, mayBeAway bool) (*Key, error) {
	if keyuri.Is(n.Value) {
		return r.openRemote(n, public, nil)
	}
	if !IsToken(n.Value) {
		private, err := pemfile.ReadKey(n.Value)
		if err != nil {
			return nil, err
		}
		return &Key{Name: n.Value, Private: private}, nil
	}
	t, err := r.token(n.Value, mayBeAway)
	if err != nil {
		return nil, Failure(n.Option, err)
	}
	if s := t.signers[n.Value]; s == nil || !publickey.Equal(s.Public(), public) {
		found, err := t.Signer(n.Value)
		if err != nil {
			return nil, Failure(n.Option, err)
		}
		keep(t.signers, n.Value, &signer{Signer: found})
	}
	return t.key(n.Value), nil
}

// keep notes the signer of a key in the map of its place.
func keep(signers map[string]*signer, key string, s *signer) {
	if old := signers[key]; old != nil && old.drop != nil {
		old.drop()
	}
	signers[key] = s
}

// unused returns the name, with a number after it if it is taken.
func unused(name string, taken func(string) bool) string {
	first := name
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s (%d)", first, n)
	}
	return name
}

// Close closes the tokens and the connections to servers. Operations that are left fail.
func (r *Ring) Close() error {
	r.end()
	r.waiting.Wait()
	var errs []error
	for _, t := range r.tokens {
		errs = append(errs, t.Close())
	}
	for _, s := range r.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Signer makes one signer of keys that are the same key in several places. It asks them in the
// order of the slice. Keys of files are wrapped by e, so that the signer is an [engine.Signer]; if
// e is nil they are used as they are. Of several keys the signer is a [fallback.Signer]. The keys
// have to be crypto.Signers.
func (r *Ring) Signer(e *engine.Engine, keys []*Key) (crypto.Signer, error) {
	var members []fallback.Member
	for i, k := range keys {
		if slices.ContainsFunc(keys[:i], func(other *Key) bool { return other.Place() == k.Place() }) {
			return nil, fmt.Errorf("both are in %q; a fallback is the same key in another place", k.Place())
		}
		signer := k.Private.(crypto.Signer)
		if e != nil && k.InFile() {
			wrapped, err := e.Signer(signer)
			if err != nil {
				return nil, err
			}
			signer = wrapped
		}
		if len(keys) == 1 {
			return signer, nil
		}
		m := fallback.Member{Name: strings.ToValidUTF8(k.Place(), "?"), Signer: signer, Breaker: k.breaker()}
		if _, bound := signer.(engine.Signer); bound && i < len(keys)-1 {
			m.Timeout = r.o.Timeout
		}
		members = append(members, m)
	}
	return fallback.New(fallback.Options{Logger: r.o.Logger}, members...)
}
