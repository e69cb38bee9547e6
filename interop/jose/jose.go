// Package jose lets github.com/go-jose/go-jose/v4 sign and verify with wrapped keys, eight tokens
// at a time on CPUs with AVX-512 IFMA.
//
// To issue tokens, wrap the private key once and give go-jose an opaque signer:
//
//	signer, err := multibuffer.Signer(key)
//	key := asyncjose.Signer(signer)
//	issuer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
//
// To accept tokens, wrap the public keys once and verify with a [Verifier]:
//
//	verifier, err := multibuffer.Verifier(&key.PublicKey)
//	keys := asyncjose.NewVerifier(verifier)
//	...
//	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
//	err = token.Claims(keys, &claims)
//
// A jose.JSONWebKey around either of them adds a key ID. The code above imports this package as
// asyncjose, since go-jose's own name is jose.
//
// # Why not cryptosigner
//
// go-jose's package cryptosigner makes an opaque signer of a [crypto.Signer], too. But its tokens
// of PS256, PS384 and PS512 have the longest salt that fits: 222 bytes for PS256 with a key of 2048
// bits. RFC 7518, section 3.5, wants a salt as long as the hash, and github.com/lestrrat-go/jwx
// refuses any other. [Signer] makes the tokens that go-jose makes with a plain key.
//
// # Which keys
//
// The key decides which algorithms it is used for, so a token cannot choose: RS256 to PS512 need an
// RSA key, ES256, ES384 and ES512 an ECDSA key on P-256, P-384 and P-521, and EdDSA an Ed25519 key.
// The standard library computes ES512. A [Verifier] accepts the tokens that go-jose accepts with
// the plain key, and no others; for RSA-PSS these are tokens with a salt of any length.
//
// # Errors
//
// go-jose reports every error of a verifier as jose.ErrCryptoFailure, also when the engine is
// closed or the context is done. [Verifier.Err] tells these from an invalid signature.
package jose

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"sync/atomic"

	"asynccrypto/engine"
	"asynccrypto/internal/jws"

	"github.com/go-jose/go-jose/v4"
)

// Signer makes an opaque signer of a key, usually a wrapped one. It is bound to the context that
// the key is bound to; for the context of a request, make one of signer.WithContext(ctx). Signing
// fails with jose.ErrUnsupportedAlgorithm for an algorithm that is not the key's.
func Signer(key crypto.Signer) jose.OpaqueSigner {
	return &signer{key, &jose.JSONWebKey{Key: key.Public()}}
}

type signer struct {
	key    crypto.Signer
	public *jose.JSONWebKey
}

func (s *signer) Public() *jose.JSONWebKey { return s.public }

func (s *signer) Algs() (algs []jose.SignatureAlgorithm) {
	for _, alg := range jws.Algorithms {
		if alg.Check(s.public.Key) == nil {
			algs = append(algs, jose.SignatureAlgorithm(alg.Name))
		}
	}
	return algs
}

func (s *signer) SignPayload(payload []byte, name jose.SignatureAlgorithm) ([]byte, error) {
	alg := jws.Lookup(string(name))
	if alg == nil {
		return nil, jose.ErrUnsupportedAlgorithm
	}
	sig, err := alg.Sign(s.key, payload)
	if errors.Is(err, jws.ErrKey) {
		return nil, jose.ErrUnsupportedAlgorithm
	}
	return sig, err
}

// Verifier is a jose.OpaqueVerifier for a wrapped public key. Give it to go-jose wherever that
// takes a key to verify with. Any goroutine may use it.
type Verifier struct {
	key engine.Verifier
	err atomic.Pointer[error]
}

// NewVerifier makes a Verifier of a key. The key still belongs to the caller. Close it when done.
func NewVerifier(key engine.Verifier) *Verifier { return &Verifier{key: key} }

// WithContext returns a Verifier for the same key whose verifications end when ctx is done, and
// which has no error yet. Call it for each token; it is cheap.
func (v *Verifier) WithContext(ctx context.Context) *Verifier {
	return NewVerifier(v.key.WithContext(ctx))
}

// VerifyPayload implements jose.OpaqueVerifier.
func (v *Verifier) VerifyPayload(payload, sig []byte, name jose.SignatureAlgorithm) error {
	alg := jws.Lookup(string(name))
	if alg == nil {
		return jose.ErrUnsupportedAlgorithm
	}
	err := alg.Verify(v.key, payload, sig, rsa.PSSSaltLengthAuto)
	switch {
	case errors.Is(err, jws.ErrKey):
		return jose.ErrUnsupportedAlgorithm
	case err != nil && !errors.Is(err, engine.ErrVerification):
		v.err.Store(&err)
	}
	return err
}

// Err returns the last error of v other than an invalid signature: that of the context, or of the
// engine. When go-jose has returned jose.ErrCryptoFailure and Err is nil, the token is not valid;
// when Err is not nil, nobody knows. Err says something about one token only if v is used for that
// token alone, so call [Verifier.WithContext] for each.
func (v *Verifier) Err() error {
	if err := v.err.Load(); err != nil {
		return *err
	}
	return nil
}
