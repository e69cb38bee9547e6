// Package jwx lets github.com/lestrrat-go/jwx/v3 verify with wrapped public keys, and sign with
// wrapped private keys, eight tokens at a time on CPUs with AVX-512 IFMA.
//
// Call [Register] in main, wrap the keys once, and give them to jwx as keys:
//
//	signer, err := multibuffer.Signer(key)
//	token, err := jwt.Sign(claims, jwt.WithKey(jwa.ES256(), signer))
//
//	verifier, err := multibuffer.Verifier(&key.PublicKey)
//	claims, err := jwt.Parse(token, jwt.WithKey(jwa.ES256(), verifier))
//
// A jwk.Set holds keys of jwx's own types only. To choose one of several wrapped keys by its key
// ID, write a jws.KeyProvider; an example shows one.
//
// # What Register changes
//
// jwx finds signers and verifiers in tables that the whole process shares, by the name of the
// algorithm. Without Register, jwx takes a wrapped private key as it takes every crypto.Signer, and
// takes no [engine.Verifier]. With it,
//
//   - an [engine.Verifier] verifies, and accepts the tokens that jwx accepts with the plain key;
//   - an [engine.Signer] signs only with an algorithm of its type and, for ECDSA, of its curve. jwx
//     by itself signs ES384 with a key on P-256, unless jws.WithStrictECDSA is set, and such a
//     token is refused elsewhere;
//   - all other keys go to the signer and the verifier that were there before.
//
// jwx compares a key with the algorithm early, in jws.WithKey, but not for the algorithms that
// somebody has registered. A key of a wrong type is then refused a moment later, by the signer or
// the verifier. The option jws.WithValidateKey does not work with wrapped keys, because jwx makes a
// jwk.Key of each key for it.
//
// # Which keys
//
//	algorithm                    key
//	RS256 to RS512, PS256 to 512 RSA
//	ES256, ES384                 ECDSA on P-256, P-384
//	ES512                        ECDSA on P-521, which the standard library computes
//	EdDSA, Ed25519               Ed25519
//
// A salt of RSA-PSS must be as long as the hash (RFC 7518, section 3.5), as with jwx's own.
//
// # Contexts and errors
//
// Bind a key to the context of a request by WithContext: jwx's own option jws.WithContext does not
// reach the keys. jwx wraps each error of a verifier by jws.VerificationError, also when the engine
// is closed or the context is done. Only if errors.Is(err, engine.ErrVerification) has the
// signature been found invalid.
package jwx

import (
	"crypto/rsa"
	"fmt"
	"sync"

	"asynccrypto/engine"
	"asynccrypto/internal/jws"

	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjws "github.com/lestrrat-go/jwx/v3/jws"
)

var registering sync.Mutex

// Register puts signers and verifiers for wrapped keys into jwx's tables, for the whole process, in
// front of those that are there. Call it from main, before a token is signed or parsed. A second
// call changes nothing, unless somebody has registered a signer or verifier in between, which then
// gets the keys that are not wrapped. The error is jwx's.
func Register() error {
	registering.Lock()
	defer registering.Unlock()
	for _, alg := range jws.Algorithms {
		names := []string{alg.Name}
		if alg.Name == "EdDSA" {
			names = append(names, "Ed25519") // RFC 9864
		}
		for _, name := range names {
			if err := register(name, alg); err != nil {
				return fmt.Errorf("jwx: %s: %w", name, err)
			}
		}
	}
	return nil
}

func register(name string, alg *jws.Algorithm) error {
	id, ok := jwa.LookupSignatureAlgorithm(name)
	if !ok {
		return nil // somebody has removed it from jwx, so that nobody uses it
	}
	s, err := jwxjws.SignerFor(id)
	if err != nil {
		return err
	}
	if _, done := s.(signer); !done {
		if err := jwxjws.RegisterSigner(id, signer{s, alg}); err != nil {
			return err
		}
	}
	v, err := jwxjws.VerifierFor(id)
	if err != nil {
		return err
	}
	if _, done := v.(verifier); !done {
		return jwxjws.RegisterVerifier(id, verifier{v, alg})
	}
	return nil
}

// signer signs with wrapped keys. The signer that it embeds has the other keys.
type signer struct {
	jwxjws.Signer2
	alg *jws.Algorithm
}

// Sign implements jws.Signer2.
func (s signer) Sign(key any, payload []byte) ([]byte, error) {
	if wrapped, ok := key.(engine.Signer); ok {
		return s.alg.Sign(wrapped, payload)
	}
	return s.Signer2.Sign(key, payload)
}

// verifier verifies with wrapped keys. The verifier that it embeds has the other keys.
type verifier struct {
	jwxjws.Verifier2
	alg *jws.Algorithm
}

// Verify implements jws.Verifier2.
func (v verifier) Verify(key any, payload, sig []byte) error {
	if wrapped, ok := key.(engine.Verifier); ok {
		return v.alg.Verify(wrapped, payload, sig, rsa.PSSSaltLengthEqualsHash)
	}
	return v.Verifier2.Verify(key, payload, sig)
}
