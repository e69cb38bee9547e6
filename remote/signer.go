package remote

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// Signer is a private key on the nodes. It is bound to the engine, so do not wrap it again. The signer
// that WithContext returns is a crypto.MessageSigner, too. Close makes the key's operations fail, and
// does not close the engine.
type Signer interface {
	engine.Signer
	crypto.MessageSigner
}

// Signer returns the key of this name. It asks a node for the public key, as an operation of the
// engine: if ctx carries a job, Signer pauses it. The signer is not bound to ctx.
//
// The error is [ErrNoKey] if no node that is up has the key or the client may not use it, and
// [engine.ErrUnavailable] if no node is up.
func (e *Engine) Signer(ctx context.Context, name string) (Signer, error) {
	if name == "" {
		return nil, errors.New("remote: the name of the key is empty")
	}
	if err := (&wire.Request{ID: 1, Op: wire.OpList, Name: name}).Check(); err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	q := &query{e: e, name: name}
	if err := e.eng.Do(ctx, q); err != nil {
		if errors.Is(err, ErrNoKey) {
			err = fmt.Errorf("%w, or this client may not use it", err)
		}
		return nil, fmt.Errorf("%w (key %q)", err, name)
	}
	pub, err := x509.ParsePKIXPublicKey(q.found[0].SPKI)
	if err != nil {
		return nil, fmt.Errorf("remote: the public key of %q: %w", name, err)
	}
	return e.signer(pub, name)
}

// SignerFor returns the private key of a public key, and asks no node: its operations fail with
// [ErrNoKey] if no node has it. So a program can start while all nodes are away.
func (e *Engine) SignerFor(pub crypto.PublicKey) (Signer, error) { return e.signer(pub, "") }

func (e *Engine) signer(pub crypto.PublicKey, name string) (Signer, error) {
	checked, err := e.eng.Verifier(pub) // which copies the key
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(checked.Public())
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	k := &key{e: e, public: checked.Public(), id: sha256.Sum256(spki)}
	k.figures = e.figuresOf(k.id, name)
	s, err := e.eng.Signer(k)
	if err != nil {
		return nil, err
	}
	return s.(Signer), nil // k is a crypto.MessageSigner, so s is one
}

// key is the key that the engine's operations hold. Its own methods are called only by an operation
// of the engine's that runs another one.
type key struct {
	e       *Engine
	public  crypto.PublicKey
	id      wire.KeyID
	figures *figures
}

func (k *key) Public() crypto.PublicKey { return k.public }

func (k *key) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errInside }

func (k *key) SignMessage(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errInside
}

// operation is a signature on its way. It is the [pool.Task] of its call.
type operation struct {
	call pool.Call
	key  *key
	r    *engine.Request
	ask
}

// begin adds the call for a request of the engine to calls, or completes the request. A long message
// is hashed on a goroutine of its own, so that other operations do not wait.
func (k *key) begin(calls []*pool.Call, r *engine.Request, input []byte, message bool, opts crypto.SignerOpts) []*pool.Call {
	o := &operation{key: k, r: r}
	var err error
	if o.ask, err = k.ask(input, message, opts); err != nil {
		k.figures.failed.Add(1)
		r.Complete(err)
		return calls
	}
	if o.hashHere() {
		go func() {
			o.hash()
			k.e.pool.Do(o.prepare())
		}()
		return calls
	}
	return append(calls, o.prepare())
}

// prepare returns the call of o.
func (o *operation) prepare() *pool.Call {
	o.request.Key = o.key.id
	o.call = o.key.e.call(o.r, o, o.request)
	return &o.call
}

// Abandoned implements [pool.Task].
func (o *operation) Abandoned() bool { return o.r.Abandoned() }

// Check implements [pool.Task]: it verifies a signature.
func (o *operation) Check(signature []byte) wire.Status {
	if err := o.verify(o.key.public, signature); err != nil {
		o.key.figures.rejected.Add(1)
		return wire.Failed
	}
	o.key.figures.verified.Add(1)
	return wire.OK
}

// Done implements [pool.Task].
func (o *operation) Done(signature []byte, err error) {
	err = o.key.e.outcome(err)
	if err == nil {
		if signature, err = o.form(o.key.public, signature); err == nil {
			signature = bytes.Clone(signature)
		}
	}
	if err != nil {
		o.key.figures.failed.Add(1)
	} else {
		o.key.figures.signed.Add(1)
		switch op := o.r.Op().(type) {
		case *engine.SignOp:
			op.Signature = signature
		case *engine.SignMessageOp:
			op.Signature = signature
		}
	}
	r := o.r
	o.r, o.ask = nil, ask{} // a node that never answers keeps o for as long as its connection lasts
	r.Complete(err)
}
