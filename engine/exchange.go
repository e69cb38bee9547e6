package engine

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
)

// KeyExchanger is a private key whose key agreements run on an engine. It is an
// [ecdh.KeyExchanger], so crypto/hpke takes it. Any goroutine may use it. Wrap a key once and
// share the KeyExchanger.
type KeyExchanger interface {
	// ECDH returns the shared secret. The errors are those of [ecdh.PrivateKey.ECDH] and of
	// [Engine.Do].
	ecdh.KeyExchanger
	// WithContext returns the same key bound to ctx, as [Signer].WithContext does.
	WithContext(ctx context.Context) KeyExchanger
	// Close is as [Signer].Close. If the engine has generated the key, no copy of it is left
	// afterwards, except one that the standard library has made.
	Close() error
}

// KeyExchanger wraps a private key. It returns an error if key is nil, or if [Config].Prepare
// refuses it. If e is closed, KeyExchanger still succeeds, and key agreements return ErrClosed.
func (e *Engine) KeyExchanger(key *ecdh.PrivateKey) (KeyExchanger, error) {
	if key == nil || key.Curve() == nil {
		return nil, fmt.Errorf("engine %q: the key is nil", e.name)
	}
	state, err := e.newKeyState(key)
	if err != nil {
		return nil, err
	}
	return exchanger{&exchangeKey{e: e, public: key.PublicKey(), key: key, state: state}, context.Background()}, nil
}

// GenerateKey generates a private key on the engine, by a [GenerateKeyOp], and wraps it. The
// KeyExchanger is bound to no context. The errors are those of [Engine.Do], and those of
// [Engine.KeyExchanger].
func (e *Engine) GenerateKey(ctx context.Context, curve ecdh.Curve) (KeyExchanger, error) {
	op := &GenerateKeyOp{Curve: curve}
	if err := e.Do(ctx, op); err != nil {
		return nil, err
	}
	if op.Key != nil {
		return e.KeyExchanger(op.Key)
	}
	if op.Public == nil {
		return nil, fmt.Errorf("engine %q: the handler completed a GenerateKeyOp without a key", e.name)
	}
	// One allocation instead of three: a generated key is often used once.
	x := new(struct {
		exchanger
		key   exchangeKey
		state keyState
	})
	x.exchanger = exchanger{&x.key, context.Background()}
	x.key = exchangeKey{e: e, public: op.Public, private: op.Private, state: &x.state}
	x.state.init(op.Prepared, func() {
		clear(op.Private)
		if op.WipePrepared != nil {
			op.WipePrepared()
		}
	})
	return &x.exchanger, nil
}

// exchangeKey is shared by all exchangers that WithContext makes of one key.
type exchangeKey struct {
	e       *Engine
	public  *ecdh.PublicKey
	key     *ecdh.PrivateKey // nil if the handler has generated the key
	private []byte           // the key's bytes, if key is nil; state wipes them
	state   *keyState
}

type exchanger struct {
	*exchangeKey
	ctx context.Context
}

func (x exchanger) PublicKey() *ecdh.PublicKey { return x.public }

func (x exchanger) Curve() ecdh.Curve { return x.public.Curve() }

func (x exchanger) WithContext(ctx context.Context) KeyExchanger {
	return exchanger{x.exchangeKey, ctx}
}

func (x exchanger) Close() error {
	x.state.close()
	return nil
}

func (x exchanger) ECDH(peer *ecdh.PublicKey) ([]byte, error) {
	if x.state.closed.Load() {
		return nil, ErrClosed
	}
	op := &ECDHOp{Key: x.key, Peer: peer, Prepared: x.state.prepared, private: x.private, state: x.state}
	if x.key == nil {
		op.curve = x.public.Curve()
	}
	if err := x.e.Do(x.ctx, op); err != nil {
		return nil, err
	}
	return op.Secret, nil
}

// ECDHOp is the operation that a [KeyExchanger] submits. [Engine.Do] runs it for a key that is not
// wrapped.
type ECDHOp struct {
	// Key is nil if the Handler has generated the key by a [GenerateKeyOp]. Prepared then holds
	// what it prepared, and Run, if the Handler calls it, takes the time of two key agreements.
	Key  *ecdh.PrivateKey
	Peer *ecdh.PublicKey
	// Prepared is the result of [Config].Prepare for Key, or of the GenerateKeyOp. A Handler may
	// use it until it completes the request.
	Prepared any
	// Secret is the result, the shared secret.
	Secret []byte

	curve   ecdh.Curve // of private
	private []byte     // the key's bytes, if Key is nil
	state   *keyState
}

// Run computes the shared secret.
func (o *ECDHOp) Run() (err error) {
	key := o.Key
	switch {
	case o.Peer == nil || o.Peer.Curve() == nil:
		return errors.New("engine: key agreement: the peer's public key is nil")
	case key == nil && o.private == nil, key != nil && key.Curve() == nil:
		return errors.New("engine: key agreement: the private key is nil")
	case key == nil:
		if key, err = o.curve.NewPrivateKey(o.private); err != nil {
			return err
		}
	}
	o.Secret, err = key.ECDH(o.Peer)
	return err
}

// Wipe overwrites the shared secret with zeros.
func (o *ECDHOp) Wipe() { clear(o.Secret) }

// GenerateKeyOp is the operation that [Engine.GenerateKey] submits: it generates a private key for
// key agreements. The result is either Key, or all the fields after it.
type GenerateKeyOp struct {
	Curve ecdh.Curve
	// Key is the result of Run.
	Key *ecdh.PrivateKey

	// Private is the private key, as [ecdh.PrivateKey.Bytes] returns it. The engine keeps the
	// slice, and wipes it when the [KeyExchanger] is closed or garbage.
	Private []byte
	// Public is the public key.
	Public *ecdh.PublicKey
	// Prepared is the Handler's prepared form of the key.
	Prepared any
	// WipePrepared wipes Prepared, as the function wipe that [Config].Prepare returns. It may be
	// nil.
	WipePrepared func()
}

// Run generates a key with the standard library.
func (o *GenerateKeyOp) Run() (err error) {
	if o.Curve == nil {
		return errors.New("engine: key generation: the curve is nil; use ecdh.X25519(), for example")
	}
	o.Key, err = o.Curve.GenerateKey(rand.Reader)
	return err
}

// Wipe overwrites the private key with zeros. A key that the standard library has made is left to
// the garbage collector.
func (o *GenerateKeyOp) Wipe() {
	clear(o.Private)
	if o.WipePrepared != nil {
		o.WipePrepared()
	}
}
