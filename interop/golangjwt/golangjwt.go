// Package golangjwt has signing methods for github.com/golang-jwt/jwt/v5 that sign and verify with
// wrapped keys, eight tokens at a time on CPUs with AVX-512 IFMA. golang-jwt's own methods for RSA
// and ECDSA take the standard library's keys and no others.
//
// To issue tokens, wrap the private key once and name a method of this package:
//
//	signer, err := multibuffer.Signer(key)
//	token, err := jwt.NewWithClaims(golangjwt.RS256, claims).SignedString(signer)
//
// To accept tokens, wrap the public keys once and have the Keyfunc return the verifiers:
//
//	verifier, err := multibuffer.Verifier(&key.PublicKey)
//	keys := func(*jwt.Token) (any, error) { return verifier, nil }
//	token, err := jwt.Parse(text, golangjwt.Keyfunc(keys), jwt.WithValidMethods([]string{"RS256"}))
//
// golang-jwt finds the method of a token that it parses in a table that the whole process shares.
// [Keyfunc] sets it for one token. [Register] puts the methods of this package into that table, for
// code that calls jwt.Parse by itself and lets you give it a key. If golang-jwt says "RSA verify
// expects *rsa.PublicKey", its own method was given the verifier, and one of the two is missing.
//
// # Which keys
//
// A method signs with an [engine.Signer] and verifies with an [engine.Verifier]. It passes every
// other key to golang-jwt's method of the same name, or to the one that was registered when
// [Register] was called, so that HMAC secrets, *rsa.PublicKey and mixed key sets work as before. A
// wrapped key of another type or on another curve than the method's is [jwt.ErrInvalidKeyType]: a
// token cannot choose how a key is used. So are a Verifier that is to sign and a Signer that is to
// verify.
//
//	method                key
//	RS256, RS384, RS512   RSA
//	PS256, PS384, PS512   RSA
//	ES256, ES384          ECDSA on P-256, P-384
//	ES512                 ECDSA on P-521, which the standard library computes
//	EdDSA                 Ed25519
//
// The methods accept the tokens that golang-jwt's own accept, and no others. Those of RSA-PSS sign
// with a salt as long as the hash, and verify with the VerifyOptions of jwt.SigningMethodPS256 and
// its like, which golang-jwt sets to accept any length.
//
// A jwt.VerificationKeySet may hold verifiers, and plain keys beside them.
//
// # Contexts and errors
//
// Bind a key to the context of a request, so that the request does not wait longer than its
// client:
//
//	token.SignedString(signer.WithContext(ctx))
//	return verifier.WithContext(ctx), nil // in a Keyfunc
//
// golang-jwt wraps each error of a method by [jwt.ErrTokenSignatureInvalid], also when the engine
// is closed or the context is done. Only if errors.Is(err, engine.ErrVerification) has the
// signature been found invalid. A server asks whether the fault is its own:
//
//	switch {
//	case err == nil:
//		// valid
//	case ctx.Err() != nil || errors.Is(err, engine.ErrClosed):
//		// nobody knows: 503
//	default:
//		// expired, malformed, a signature that is not valid, or another key's: 401
//	}
//
// With a VerificationKeySet golang-jwt returns the error of the last key alone.
package golangjwt

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"

	"asynccrypto/engine"
	"asynccrypto/internal/jws"

	"github.com/golang-jwt/jwt/v5"
)

// The methods, for jwt.New and jwt.NewWithClaims. They need not be registered.
var (
	RS256 = newMethod("RS256")
	RS384 = newMethod("RS384")
	RS512 = newMethod("RS512")
	PS256 = newMethod("PS256")
	PS384 = newMethod("PS384")
	PS512 = newMethod("PS512")
	ES256 = newMethod("ES256")
	ES384 = newMethod("ES384")
	ES512 = newMethod("ES512")
	EdDSA = newMethod("EdDSA")
)

// method signs and verifies with wrapped keys. The method that it embeds has the other keys.
type method struct {
	jwt.SigningMethod
	alg *jws.Algorithm
}

func newMethod(alg string) jwt.SigningMethod {
	return method{jwt.GetSigningMethod(alg), jws.Lookup(alg)}
}

var registering sync.Mutex

// Register puts the methods of this package into golang-jwt's table, for the whole process, in
// front of those that are there. Every call of jwt.Parse then accepts an [engine.Verifier] from its
// Keyfunc. Call it from main, before anything is parsed. Libraries use [Keyfunc] instead, which
// changes nothing for the rest of the process. A second call changes nothing, unless somebody has
// registered a method in between; that method then gets the keys that are not wrapped.
func Register() {
	registering.Lock()
	defer registering.Unlock()
	for _, alg := range jws.Algorithms {
		before := jwt.GetSigningMethod(alg.Name)
		if _, done := before.(method); done || before == nil {
			continue
		}
		m := method{before, alg}
		jwt.RegisterSigningMethod(alg.Name, func() jwt.SigningMethod { return m })
	}
}

// Keyfunc returns a jwt.Keyfunc with the keys of f that has its tokens verified by the methods of
// this package. Nothing needs to be registered.
func Keyfunc(f jwt.Keyfunc) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		key, err := f(token)
		if _, done := token.Method.(method); !done {
			if alg := jws.Lookup(token.Method.Alg()); alg != nil {
				token.Method = method{token.Method, alg}
			}
		}
		return key, err
	}
}

// Sign implements jwt.SigningMethod.
func (m method) Sign(text string, key any) ([]byte, error) {
	switch key := key.(type) {
	case engine.Signer:
		sig, err := m.alg.Sign(key, []byte(text))
		return sig, m.translate(err)
	case engine.Verifier:
		return nil, fmt.Errorf("%w: %s signs with the engine.Signer of the private key, and this is an engine.Verifier", jwt.ErrInvalidKeyType, m.alg.Name)
	}
	return m.SigningMethod.Sign(text, key)
}

// Verify implements jwt.SigningMethod.
func (m method) Verify(text string, sig []byte, key any) error {
	switch key := key.(type) {
	case engine.Verifier:
		return m.translate(m.alg.Verify(key, []byte(text), sig, m.saltLength()))
	case engine.Signer:
		return fmt.Errorf("%w: %s verifies with the engine.Verifier of the public key, and this is an engine.Signer", jwt.ErrInvalidKeyType, m.alg.Name)
	}
	return m.SigningMethod.Verify(text, sig, key)
}

// saltLength returns the length of salt that golang-jwt's method accepts, so that a wrapped key and
// a plain one accept the same tokens.
func (m method) saltLength() int {
	if pss, ok := m.SigningMethod.(*jwt.SigningMethodRSAPSS); ok {
		for _, opts := range []*rsa.PSSOptions{pss.VerifyOptions, pss.Options} {
			if opts != nil {
				return opts.SaltLength
			}
		}
	}
	return rsa.PSSSaltLengthEqualsHash
}

// translate adds the error that golang-jwt's own method would return.
func (m method) translate(err error) error {
	switch {
	case errors.Is(err, jws.ErrKey):
		return fmt.Errorf("%w: %w", jwt.ErrInvalidKeyType, err)
	case errors.Is(err, engine.ErrVerification) && m.alg.Curve != nil:
		return fmt.Errorf("%w: %w", jwt.ErrECDSAVerification, err)
	case errors.Is(err, engine.ErrVerification) && m.alg.Hash == 0:
		return fmt.Errorf("%w: %w", jwt.ErrEd25519Verification, err)
	}
	return err
}
