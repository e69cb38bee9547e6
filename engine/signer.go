package engine

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
)

// Signer is a private key whose operations run on an engine. It implements [crypto.Decrypter] and
// [crypto.MessageSigner] exactly when the wrapped key does, and so does every signer that
// WithContext returns. Any goroutine may use it.
//
// Wrap a key once, when you load it, and share the Signer: do not wrap it for each handshake or
// signature. Wrapping may prepare the key ([Config].Prepare). With a key on a curve, package
// [asynccrypto/engine/multibuffer] takes longer for that than for a signature. Call WithContext
// for each handshake; it costs a small allocation.
//
// Sign takes the options that the key takes, and an ECDSA key takes [*ECDSAOptions] too. The errors
// are the key's own or those of [Engine.Do]. Where an *rsa.PrivateKey or an ed25519.PrivateKey panics
// because opts are nil, Sign returns an error that says so. If the key panics otherwise, the error is
// a [*PanicError].
//
// A call copies its input, because an abandoned operation may outlive the call. The reader of
// random bytes cannot be copied; an abandoned operation may still read from it.
type Signer interface {
	crypto.Signer
	// WithContext returns the same key bound to ctx. If ctx carries a job ([async.NewContext]),
	// operations pause that job. Otherwise they block, and return ctx's error if ctx is done
	// first. The operations of a signer that WithContext has not bound always block, also in a
	// job.
	WithContext(ctx context.Context) crypto.Signer
	// Close makes every later operation fail with [ErrClosed], also those of signers that
	// WithContext has returned. The engine's prepared copy of the key is wiped when the last
	// operation in flight has ended. The key itself is not changed, and still belongs to its
	// owner. Close returns nil, also when called again.
	Close() error
}

// Decrypter is a private key whose decryptions run on an engine, like [Signer]. Wrap a key that
// also signs by [Engine.Signer] instead: the result decrypts too.
type Decrypter interface {
	crypto.Decrypter
	WithContext(ctx context.Context) crypto.Decrypter // as Signer.WithContext
	Close() error                                     // as Signer.Close
}

// Signer wraps a private key. It returns an error if key is nil or a nil pointer, if e wraps it
// already (also behind another engine's signer or in a [Chain]), or if [Config].Prepare refuses
// it. If e is closed, Signer still succeeds, and the signer's operations return ErrClosed.
func (e *Engine) Signer(key crypto.Signer) (Signer, error) {
	if err := e.checkKey(key); err != nil {
		return nil, err
	}
	state, err := e.newKeyState(key)
	if err != nil {
		return nil, err
	}
	k := newWrappedKey(e, key, nil, state)
	return newSigner(&boundKey{k, context.Background()}), nil
}

// Decrypter wraps a private key that decrypts. The errors are those of [Engine.Signer], except
// that Prepare is not called.
func (e *Engine) Decrypter(key crypto.Decrypter) (Decrypter, error) {
	if err := e.checkKey(key); err != nil {
		return nil, err
	}
	return decrypter{&boundKey{newWrappedKey(e, nil, key, new(keyState)), context.Background()}}, nil
}

// checkKey returns an error if key is nil or wrapped by e already.
func (e *Engine) checkKey(key any) error {
	if v := reflect.ValueOf(key); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Errorf("engine %q: the key is nil", e.name)
	}
	if e.wraps(key) {
		return fmt.Errorf("engine %q: %w", e.name, errWrapped)
	}
	return nil
}

// wraps reports whether e wraps key already. The key may be behind another engine's signer, or be a
// member of a chain: each engine could hold the worker that the other waits for.
func (e *Engine) wraps(key any) bool {
	switch k := key.(type) {
	case wrapped:
		b := k.bound()
		if b.decrypter != nil {
			return b.e == e || e.wraps(b.decrypter)
		}
		return b.e == e || e.wraps(b.signer)
	case Chain:
		return slices.ContainsFunc(k.Unwrap(), func(key crypto.PrivateKey) bool { return e.wraps(key) })
	}
	return false
}

// Chain is a private key that is in several places: a signer or a decrypter that asks others. The
// chains of package [asynccrypto/engine/fallback] implement it. [Engine.Signer] and
// [Engine.Decrypter] look through a Chain, as errors.Is looks through an error.
type Chain interface {
	Public() crypto.PublicKey
	// Unwrap returns the keys that may be asked.
	Unwrap() []crypto.PrivateKey
}

type wrapped interface{ bound() *boundKey }

var errWrapped = errors.New("this engine wraps the key already; use the signer that it returned")

// boundKey is a key bound to an engine and a context. The types that embed it differ in the
// methods that they export.
type boundKey struct {
	*wrappedKey
	ctx context.Context
}

// wrappedKey is shared by all signers that WithContext makes of one key. It is separate from
// boundKey to keep that small, because one boundKey is made for each handshake or signature.
type wrappedKey struct {
	e         *Engine
	signer    crypto.Signer
	decrypter crypto.Decrypter // set by Engine.Decrypter only
	state     *keyState
	message   bool // signer is a crypto.MessageSigner
	decrypts  bool // signer is a crypto.Decrypter
}

func newWrappedKey(e *Engine, s crypto.Signer, d crypto.Decrypter, state *keyState) *wrappedKey {
	_, message := s.(crypto.MessageSigner)
	_, decrypts := s.(crypto.Decrypter)
	return &wrappedKey{e, s, d, state, message, decrypts}
}

func (k *boundKey) bound() *boundKey { return k }

// Close implements Signer and Decrypter.
func (k *boundKey) Close() error {
	k.state.close()
	return nil
}

func (k *boundKey) with(ctx context.Context) *boundKey {
	return &boundKey{k.wrappedKey, ctx}
}

func (k *boundKey) do(op Op) error {
	if k.state.closed.Load() {
		return ErrClosed
	}
	return k.e.Do(k.ctx, op)
}

func (k *boundKey) sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	op := k.signOp(rand, digest, opts)
	if err := k.do(op); err != nil {
		return nil, err
	}
	return op.Signature, nil
}

func (k *boundKey) signOp(rand io.Reader, digest []byte, opts crypto.SignerOpts) *SignOp {
	op := newSignOp(digest)
	op.Key, op.Rand, op.Opts = k.signer, rand, cloneSignerOpts(opts)
	op.Prepared, op.state = k.state.prepared, k.state
	return op
}

func (k *boundKey) signMessage(rand io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	key := k.signer.(crypto.MessageSigner)
	op := &SignMessageOp{Key: key, Rand: rand, Message: bytes.Clone(msg), Opts: cloneSignerOpts(opts)}
	if err := k.do(op); err != nil {
		return nil, err
	}
	return op.Signature, nil
}

func (k *boundKey) decrypt(rand io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	key := k.decrypter
	if key == nil {
		key = k.signer.(crypto.Decrypter)
	}
	op := newDecryptOp(key, rand, ciphertext, opts)
	if err := k.do(op); err != nil {
		return nil, err
	}
	return op.Plaintext, nil
}
