// Package jws signs and verifies with wrapped keys as the signature algorithms of JSON Web
// Signatures say: those of RFC 7518 and RFC 8037 that have a public key. The modules golangjwt,
// jose and jwx in folder interop use it.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"

	"asynccrypto/engine"
	"asynccrypto/internal/rawecdsa"
)

// Algorithm is one of the algorithms.
type Algorithm struct {
	Name  string         // the value of the header parameter "alg"
	Hash  crypto.Hash    // 0 for EdDSA, which hashes the message by itself
	PSS   bool           // RSA with the padding PSS, not PKCS #1 v1.5
	Curve elliptic.Curve // of ECDSA, nil for the others
}

// Algorithms has them all. ES512 is among them for the sake of the keys of P-521 that a program
// may have beside others.
var Algorithms = []*Algorithm{
	{Name: "RS256", Hash: crypto.SHA256},
	{Name: "RS384", Hash: crypto.SHA384},
	{Name: "RS512", Hash: crypto.SHA512},
	{Name: "PS256", Hash: crypto.SHA256, PSS: true},
	{Name: "PS384", Hash: crypto.SHA384, PSS: true},
	{Name: "PS512", Hash: crypto.SHA512, PSS: true},
	{Name: "ES256", Hash: crypto.SHA256, Curve: elliptic.P256()},
	{Name: "ES384", Hash: crypto.SHA384, Curve: elliptic.P384()},
	{Name: "ES512", Hash: crypto.SHA512, Curve: elliptic.P521()},
	{Name: "EdDSA"},
}

// Lookup returns the algorithm of that name, or nil.
func Lookup(name string) *Algorithm {
	for _, a := range Algorithms {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// ErrKey is the error for a key of another type, or on another curve, than the algorithm's.
var ErrKey = errors.New("the key does not fit the algorithm")

// Check returns an error that wraps [ErrKey] unless pub is a key for a. A token names its
// algorithm itself; this check keeps it from choosing how a key is used.
func (a *Algorithm) Check(pub crypto.PublicKey) error {
	fits := false
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		fits = a.Hash != 0 && a.Curve == nil
	case *ecdsa.PublicKey:
		fits = a.Curve != nil && pub.Curve == a.Curve
	case ed25519.PublicKey:
		fits = a.Hash == 0
	}
	if !fits {
		return fmt.Errorf("%w: %s with a %s", ErrKey, a.Name, describe(pub))
	}
	return nil
}

func describe(pub crypto.PublicKey) string {
	if pub, ok := pub.(*ecdsa.PublicKey); ok {
		return fmt.Sprintf("%T on %s", pub, pub.Params().Name)
	}
	return fmt.Sprintf("%T", pub)
}

// Sign returns the signature of text as it stands in a token. The salt of PSS is as long as the
// hash (RFC 7518, section 3.5), and an ECDSA signature is r and s side by side (section 3.4).
func (a *Algorithm) Sign(key crypto.Signer, text []byte) ([]byte, error) {
	if err := a.Check(key.Public()); err != nil {
		return nil, err
	}
	digest, opts := a.digest(text), a.options(rsa.PSSSaltLengthEqualsHash)
	if _, wrapped := key.(engine.Signer); a.Curve != nil && !wrapped {
		// No other key knows the option Raw.
		sig, err := key.Sign(rand.Reader, digest, a.Hash)
		if err != nil {
			return nil, err
		}
		raw, ok := rawecdsa.FromASN1(a.Curve, sig)
		if !ok {
			return nil, fmt.Errorf("%s: the key's signature is not an ASN.1 signature of the curve", a.Name)
		}
		return raw, nil
	}
	return key.Sign(rand.Reader, digest, opts)
}

// Verify verifies a signature that stands in a token. An RSA-PSS signature needs a salt of
// saltLength bytes; rsa.PSSSaltLengthAuto and rsa.PSSSaltLengthEqualsHash are possible. The error
// wraps [engine.ErrVerification] if the signature is invalid, [ErrKey] if the key does not fit,
// and is the engine's if it could not compute.
func (a *Algorithm) Verify(key engine.Verifier, text, sig []byte, saltLength int) error {
	if err := a.Check(key.Public()); err != nil {
		return err
	}
	return key.Verify(a.digest(text), sig, a.options(saltLength))
}

// digest returns the input of the key's Sign: a hash of the text, or for EdDSA the text.
func (a *Algorithm) digest(text []byte) []byte {
	switch a.Hash {
	case crypto.SHA256:
		sum := sha256.Sum256(text)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(text)
		return sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512(text)
		return sum[:]
	}
	return text
}

func (a *Algorithm) options(saltLength int) crypto.SignerOpts {
	switch {
	case a.PSS:
		return &rsa.PSSOptions{Hash: a.Hash, SaltLength: saltLength}
	case a.Curve != nil:
		return &engine.ECDSAOptions{Hash: a.Hash, Raw: true}
	}
	return a.Hash
}
