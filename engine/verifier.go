package engine

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // checkPublicKey may need it
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
)

// Verifier is a public key whose verifications run on an engine. Any goroutine may use it. Wrap a
// key once and share the Verifier: wrapping checks the key and may prepare it
// ([Config].PreparePublic).
type Verifier interface {
	// Public returns the engine's copy of the key.
	Public() crypto.PublicKey
	// Verify returns nil if sig is a valid signature of digest, as the standard library verifies
	// it. opts are those that the signature was made with:
	//
	//	key      opts                   digest                  sig
	//	RSA      crypto.Hash(0)         any bytes               PKCS #1 v1.5
	//	RSA      another crypto.Hash    of that hash            PKCS #1 v1.5
	//	RSA      *rsa.PSSOptions        of opts.Hash            PSS
	//	ECDSA    nil or a crypto.Hash   of any hash             ASN.1
	//	ECDSA    *ECDSAOptions          of any hash             ASN.1, or r||s if opts.Raw
	//	Ed25519  crypto.Hash(0)         the message             Ed25519
	//	Ed25519  crypto.SHA512          SHA-512 of the message  Ed25519ph
	//	Ed25519  *ed25519.Options       as opts.Hash says       Ed25519, Ed25519ctx, Ed25519ph
	//	ML-DSA   nil or crypto.Hash(0)  the message             ML-DSA
	//	ML-DSA   *mldsa.Options         the message             ML-DSA
	//
	// Any other type of opts counts as its HashFunc. ECDSA does not look at the hash.
	//
	// If sig is not valid the error is [ErrVerification], also if sig is malformed. Every other
	// error says that sig was not verified: opts or the digest's length do not fit the key, the
	// verifier or its engine is closed ([ErrClosed]), ctx is done, or the job is cancelled
	// (async.ErrCanceled). Verify copies its input.
	Verify(digest, sig []byte, opts crypto.SignerOpts) error
	// WithContext returns the same key bound to ctx, as [Signer].WithContext does.
	WithContext(ctx context.Context) Verifier
	// Close makes every later verification fail with [ErrClosed], also those of verifiers that
	// WithContext has returned. Close returns nil, also when called again.
	Close() error
}

// Verifier wraps a public key: an *rsa.PublicKey, an *ecdsa.PublicKey, an ed25519.PublicKey, or,
// since Go 1.27, an *mldsa.PublicKey. It returns an error if the key is of another type or nil, if
// no signature can be valid with it because the standard library does not accept the key, or if
// [Config].PreparePublic refuses it. The Verifier has a copy of the key. If e is closed, Verifier
// still succeeds, and verifications return ErrClosed.
func (e *Engine) Verifier(pub crypto.PublicKey) (Verifier, error) {
	if err := checkPublicKey(pub); err != nil {
		return nil, fmt.Errorf("engine %q: %w", e.name, err)
	}
	v := &verifyingKey{e: e, key: clonePublicKey(pub)}
	if e.preparePublic != nil {
		var err error
		if v.prepared, err = e.preparePublic(v.key); err != nil {
			return nil, fmt.Errorf("engine %q: %w", e.name, err)
		}
	}
	return verifier{v, context.Background()}, nil
}

// verifyingKey is shared by all verifiers that WithContext makes of one key.
type verifyingKey struct {
	e        *Engine
	key      crypto.PublicKey
	prepared any // holds no secret, so it needs no keyState
	closed   atomic.Bool
}

type verifier struct {
	*verifyingKey
	ctx context.Context
}

func (v verifier) Public() crypto.PublicKey { return v.key }

func (v verifier) WithContext(ctx context.Context) Verifier { return verifier{v.verifyingKey, ctx} }

func (v verifier) Close() error {
	v.closed.Store(true)
	return nil
}

func (v verifier) Verify(digest, sig []byte, opts crypto.SignerOpts) error {
	if v.closed.Load() {
		return ErrClosed
	}
	op := newVerifyOp(digest, sig)
	op.Key, op.Opts, op.Prepared = v.key, cloneSignerOpts(opts), v.prepared
	return v.e.Do(v.ctx, op)
}

// checkPublicKey returns an error if pub is no key that the standard library verifies with.
func checkPublicKey(pub crypto.PublicKey) error {
	switch key := pub.(type) {
	case nil:
		return errors.New("the public key is nil")
	case *rsa.PublicKey:
		if key == nil || key.N == nil || key.N.Sign() <= 0 {
			return errors.New("the RSA key is nil, or lacks its modulus")
		}
		// crypto/rsa looks at the key before it looks at the signature.
		err := rsa.VerifyPKCS1v15(key, crypto.SHA256, make([]byte, 32), nil)
		if !errors.Is(err, rsa.ErrVerification) {
			return fmt.Errorf("not an RSA key: %w", err)
		}
		return nil
	case *ecdsa.PublicKey:
		return checkECDSAKey(key)
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return errEd25519Size(key)
		}
		if !onEdwards25519(key) {
			return errors.New("not an Ed25519 key: no point of the curve has this encoding")
		}
		return nil
	}
	if isMLDSAKey(pub) {
		return nil
	}
	return errPublicKeyType(pub)
}

// checkECDSAFields returns an error if crypto/ecdsa would panic over key.
func checkECDSAFields(key *ecdsa.PublicKey) error {
	//lint:ignore SA1019 a key of a custom curve has no other access to its coordinates
	if key == nil || key.Curve == nil || key.X == nil || key.Y == nil {
		return errors.New("the ECDSA key is nil, or lacks its curve or point")
	}
	return nil
}

// checkECDSAKey returns an error if key is not a point of its curve.
func checkECDSAKey(key *ecdsa.PublicKey) (err error) {
	if err := checkECDSAFields(key); err != nil {
		return err
	}
	// A curve that is not the standard library's may panic.
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("not an ECDSA key: its curve panics: %v", value)
		}
	}()
	//lint:ignore SA1019 a key of a custom curve has no other check
	if !key.Curve.IsOnCurve(key.X, key.Y) {
		return fmt.Errorf("not an ECDSA key: the point is not on the curve %s", key.Curve.Params().Name)
	}
	return nil
}

// onEdwards25519 reports whether key is the encoding of a point, as crypto/ed25519 reads it
// (RFC 8032, section 5.1.3, but any y of 255 bits and any sign of x = 0 will do): whether
// x² = (y²-1) / (dy²+1) has a solution.
func onEdwards25519(key ed25519.PublicKey) bool {
	bigEndian := make([]byte, len(key))
	for i, b := range key {
		bigEndian[len(key)-1-i] = b
	}
	bigEndian[0] &= 0x7f // the sign of x
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p) // d = -121665/121666
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	yy := new(big.Int).SetBytes(bigEndian)
	yy.Mul(yy, yy).Mod(yy, p)
	u := new(big.Int).Sub(yy, one)
	v := new(big.Int).Mul(yy, d)
	v.Add(v, one)
	u.Mul(u, v).Mod(u, p) // u/v is a square exactly if uv is; v is never 0
	return big.Jacobi(u, p) >= 0
}

func cloneInt(x *big.Int) *big.Int { return new(big.Int).Set(x) }

// NewVerifyOp returns the operation that v.Verify submits, and the context that v is bound to, for a
// caller that does it without the engine. The operation shares digest and sig with the caller.
// NewVerifyOp returns [ErrClosed] if v is closed, and another error if v is not a Verifier of this
// package's.
func NewVerifyOp(v Verifier, digest, sig []byte, opts crypto.SignerOpts) (*VerifyOp, context.Context, error) {
	w, ok := v.(verifier)
	switch {
	case !ok:
		return nil, nil, fmt.Errorf("engine: a Verifier of type %T: only those that an engine returned can verify in a batch", v)
	case w.closed.Load():
		return nil, nil, ErrClosed
	}
	return &VerifyOp{Key: w.key, Digest: digest, Signature: sig, Opts: opts, Prepared: w.prepared}, w.ctx, nil
}
