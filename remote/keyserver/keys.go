package keyserver

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/wire"
)

// plainDepth bounds the operations of a key that is not an engine's: each occupies a goroutine
// until the key returns, also after its caller has given up.
const plainDepth = 256

// contextSigner is a key that an engine, or a chain of package fallback, has wrapped.
type contextSigner interface {
	crypto.Signer
	WithContext(ctx context.Context) crypto.Signer
}

// algorithm is the kind of a key, as far as requests for its signatures differ.
type algorithm int

const (
	algorithmRSA algorithm = iota
	algorithmECDSA
	algorithmEd25519
	algorithmMLDSA
)

func algorithmOf(pub crypto.PublicKey) (algorithm, bool) {
	switch pub.(type) {
	case *rsa.PublicKey:
		return algorithmRSA, true
	case *ecdsa.PublicKey:
		return algorithmECDSA, true
	case ed25519.PublicKey:
		return algorithmEd25519, true
	}
	return algorithmMLDSA, isMLDSA(pub)
}

// key is a key of a server. It does not change.
type key struct {
	name      string
	id        wire.KeyID
	spki      []byte
	algorithm algorithm
	bits      int // of an RSA key's modulus
	signer    contextSigner
	engine    *engine.Engine // made for the key, or nil
	outcomes  *outcomes      // shared with the keys of the same name before and after
	errors    seldom         // in the log
}

// newKey returns an error, and nothing that is to be closed, if the name or the key does not fit.
func newKey(name string, signer crypto.Signer) (*key, error) {
	// A client asks for the keys after the last name that it was listed, so names must arrive as
	// they are.
	if name == "" || len(name) > wire.MaxName || wire.CleanText(name) != name {
		return nil, fmt.Errorf("keyserver: the name %q of a key: it needs 1 to %d bytes of UTF-8, in characters that can be seen, or blanks", name, wire.MaxName)
	}
	k := &key{name: name}
	var err error
	if k.signer, k.engine, err = bindable(signer); err == nil {
		if err = k.setPublic(k.signer.Public()); err == nil {
			return k, nil
		}
		k.close(closed())
	}
	return nil, fmt.Errorf("keyserver: the key %q: %w", name, err)
}

// bindable returns signer, or, if it has no method WithContext, wraps it by an engine that gives
// each operation a goroutine. The engine ends the wait of a caller that gives up, and recovers from
// panics.
func bindable(signer crypto.Signer) (contextSigner, *engine.Engine, error) {
	if s, ok := signer.(contextSigner); ok {
		return s, nil, nil
	}
	e, err := engine.New(engine.Config{
		Name:     "keyserver",
		Workers:  1,
		MaxBatch: plainDepth,
		Depth:    plainDepth,
		Handler: func(requests []*engine.Request) {
			for _, r := range requests {
				go r.Run()
			}
		},
	})
	if err != nil {
		return nil, nil, err
	}
	s, err := e.Signer(signer)
	if err != nil {
		_ = e.Close() // has no operations
		return nil, nil, err
	}
	return s, e, nil
}

func (k *key) setPublic(pub crypto.PublicKey) (err error) {
	var ok bool
	if k.algorithm, ok = algorithmOf(pub); !ok {
		return fmt.Errorf("its public key is of the type %T, and not one of an RSA, ECDSA, Ed25519 or ML-DSA key", pub)
	}
	if k.spki, err = x509.MarshalPKIXPublicKey(pub); err != nil {
		return err
	}
	if len(k.spki) > wire.MaxSPKI {
		return fmt.Errorf("its public key has %d bytes, more than %d", len(k.spki), wire.MaxSPKI)
	}
	if pub, ok := pub.(*rsa.PublicKey); ok {
		k.bits = pub.N.BitLen()
	}
	k.id = sha256.Sum256(k.spki)
	return nil
}

// close ends the engine that was made for the key. It reports whether no operation is left.
func (k *key) close(ctx context.Context) bool {
	return k.engine == nil || k.engine.Shutdown(ctx) == nil
}

// closed returns a context that is done.
func closed() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// keySet is a generation of keys. The server's mutex guards users and retired, the rest does not
// change.
type keySet struct {
	byID    map[wire.KeyID]*key
	byName  map[string]*key
	sorted  []*key // by name
	users   int    // requests
	retired bool
	unused  chan struct{} // closed when retired and users is 0
}

// newKeySet returns the set of keys that follows before, which may be nil.
func newKeySet(keys map[string]crypto.Signer, before *keySet) (*keySet, error) {
	set := &keySet{byID: map[wire.KeyID]*key{}, byName: map[string]*key{}, unused: make(chan struct{})}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		k, err := newKey(name, keys[name])
		if err != nil {
			set.close()
			return nil, err
		}
		set.sorted = append(set.sorted, k)
		if other := set.byID[k.id]; other != nil {
			set.close()
			return nil, fmt.Errorf("keyserver: %q and %q are the same key; give it one name", other.name, name)
		}
		set.byID[k.id], set.byName[name] = k, k
		k.outcomes = new(outcomes)
		if before != nil && before.byName[name] != nil {
			k.outcomes = before.byName[name].outcomes
		}
	}
	return set, nil
}

// find returns the key that r names, or nil.
func (set *keySet) find(r *wire.Request) *key {
	if r.Key == (wire.KeyID{}) {
		return set.byName[r.Name]
	}
	return set.byID[r.Key]
}

// after returns the keys whose names come after name in the order of their bytes.
func (set *keySet) after(name string) []*key {
	i, found := slices.BinarySearchFunc(set.sorted, name, func(k *key, name string) int { return cmp.Compare(k.name, name) })
	if found {
		i++
	}
	return set.sorted[i:]
}

func (set *keySet) retireLocked() {
	set.retired = true
	set.checkUnusedLocked()
}

func (set *keySet) checkUnusedLocked() {
	if !set.retired || set.users > 0 {
		return
	}
	select {
	case <-set.unused:
	default:
		close(set.unused)
	}
}

// wait waits until a retired set is not used any more, neither by a request nor by an operation
// that was given up. It returns false if ctx is done first.
func (set *keySet) wait(ctx context.Context) bool {
	select {
	case <-set.unused:
	case <-ctx.Done():
		set.close()
		return false
	}
	for _, k := range set.sorted {
		if !k.close(ctx) {
			set.close()
			return false
		}
	}
	return true
}

// close ends the engines of the set's keys, and waits for no operation.
func (set *keySet) close() {
	for _, k := range set.sorted {
		k.close(closed())
	}
}
