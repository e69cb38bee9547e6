package engine

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Signer is a private key whose operations an engine does. It implements crypto.Decrypter and crypto.MessageSigner
// exactly when the key it was made from does, and so does what WithContext returns. The errors are the key's own, or
// those of Do; where the key panics, as crypto/rsa does for nil options, a *PanicError. Any goroutine may use it.
//
// A call copies its input, for the operation may outlive the call when it is abandoned. The reader of random bytes can't
// be copied; an abandoned operation may still read from it.
type Signer interface {
	crypto.Signer
	// WithContext returns the same key bound to ctx. If ctx carries a job (async.NewContext), operations pause that job;
	// otherwise they block, and return ctx's error when it is done first. A plain crypto.Signer has no context,
	// so the Signer itself always blocks, in a job too.
	WithContext(ctx context.Context) crypto.Signer
	// Close makes every later operation fail with ErrClosed, also through WithContext. What the engine made of the key is
	// wiped when the last operation under way has ended; the key stays its owner's. It returns nil, also when called
	// again.
	Close() error
}

// Decrypter is the same for a private key that decrypts. One that also signs is better wrapped by Engine.Signer: its
// result decrypts too.
type Decrypter interface {
	crypto.Decrypter
	WithContext(ctx context.Context) crypto.Decrypter // see Signer
	Close() error                                     // see Signer
}

// Signer wraps a private key. It is an error if key is nil, or a nil pointer, or wrapped by e already (also behind
// another engine's signer), or refused by Config.Prepare. That e is closed is none here: the signer's operations say so.
func (e *Engine) Signer(key crypto.Signer) (Signer, error) {
	if err := e.checkKey(key); err != nil {
		return nil, err
	}
	state, err := e.newKeyState(key)
	if err != nil {
		return nil, err
	}
	return newSigner(&boundKey{newWrappedKey(e, key, nil, state), context.Background()}), nil
}

// Decrypter wraps a private key that decrypts. The errors are those of Engine.Signer, but for Prepare, which it doesn't
// call.
func (e *Engine) Decrypter(key crypto.Decrypter) (Decrypter, error) {
	if err := e.checkKey(key); err != nil {
		return nil, err
	}
	return decrypter{&boundKey{newWrappedKey(e, nil, key, new(keyState)), context.Background()}}, nil
}

func (e *Engine) checkKey(key any) error {
	if v := reflect.ValueOf(key); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Errorf("engine %q: no key", e.name)
	}
	// Also behind another engine: each could hold the worker that the other waits for.
	for k, ok := key.(wrapped); ok; k, ok = key.(wrapped) {
		b := k.bound()
		if b.e == e {
			return fmt.Errorf("engine %q: %w", e.name, errWrapped)
		}
		if key = b.signer; b.decrypter != nil {
			key = b.decrypter
		}
	}
	return nil
}

type wrapped interface{ bound() *boundKey }

var errWrapped = errors.New("the key is this engine's already")

// boundKey is a key, bound to an engine and a context. The types around it differ in what they let a caller see.
type boundKey struct {
	*wrappedKey
	ctx context.Context
}

// wrappedKey is what all that WithContext makes have in common. It is apart so that they are small: one is made for each
// handshake, or each signature.
type wrappedKey struct {
	e         *Engine
	signer    crypto.Signer
	decrypter crypto.Decrypter // set alone by Engine.Decrypter
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
	op := newSignOp(digest)
	op.Key, op.Rand, op.Opts = k.signer, rand, cloneSignerOpts(opts)
	op.Prepared, op.state = k.state.prepared, k.state
	if err := k.do(op); err != nil {
		return nil, err
	}
	return op.Signature, nil
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
