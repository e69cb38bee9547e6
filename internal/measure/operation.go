package measure

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"asynccrypto/engine"
)

// Operation is one thing that a key does. Its inputs are numbered: each can be made again for the
// verification and need not be kept. All functions may be called from any number of goroutines.
type Operation struct {
	Algorithm string // openssl's name of the key's algorithm
	Name      string // sign, verify, decrypt, derive or keygen
	// Direct does the operation on input n with the standard library.
	Direct func(n uint64) ([]byte, error)
	// Bind prepares the key for an engine and returns the same operation through it. A key that is
	// an [engine.Signer] already stays on its own engine.
	Bind func(e *engine.Engine) (JobOperation, error)
	// Verify checks the result for input n: with the public key, against the other side's copy, or
	// against the answer that the input was made for.
	Verify func(n uint64, result []byte) error
}

// JobOperation does an operation on input n, in the job that ctx carries if there is one.
type JobOperation func(ctx context.Context, n uint64) ([]byte, error)

// Operations returns all operations that can be measured with a private key.
func Operations(key any) ([]*Operation, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		decrypt, err := Decrypt(k)
		if err != nil {
			return nil, err
		}
		signatures, err := NewSignatures(k, inputs)
		if err != nil {
			return nil, err
		}
		return []*Operation{Sign(k, rand.Reader), signatures.Verification(), decrypt}, nil
	case *ecdsa.PrivateKey, ed25519.PrivateKey:
		signer := k.(crypto.Signer)
		signatures, err := NewSignatures(signer, inputs)
		if err != nil {
			return nil, err
		}
		return []*Operation{Sign(signer, rand.Reader), signatures.Verification()}, nil
	case *ecdh.PrivateKey:
		if KeyAlgorithm(k) != "" {
			agreement, err := NewAgreement(k)
			if err != nil {
				return nil, err
			}
			return []*Operation{agreement.Derivation(), GenerateX25519()}, nil
		}
	}
	return nil, fmt.Errorf("a key of a kind (%T) that is not measured; there are RSA, ECDSA, Ed25519 and X25519", key)
}

// SigningHash returns the hash whose digests a key signs: one as strong as the curve, SHA-256
// with RSA, and none with Ed25519, which signs the message itself.
func SigningHash(key crypto.Signer) crypto.Hash {
	switch k := key.Public().(type) {
	case ed25519.PublicKey:
		return 0
	case *ecdsa.PublicKey:
		switch bits := k.Curve.Params().BitSize; {
		case bits > 384:
			return crypto.SHA512
		case bits > 256:
			return crypto.SHA384
		}
	}
	return crypto.SHA256
}

// Message is input n of a signature: as many bytes as the hash has, or 32 where there is none. It
// takes the place of a digest; that it is not one makes no difference to the key.
func Message(n uint64, hash crypto.Hash) []byte {
	size := 32
	if hash != 0 {
		size = hash.Size()
	}
	m := bytes.Repeat([]byte{0xa5}, size)
	binary.BigEndian.PutUint64(m, n)
	return m
}

// Sign returns the signing operation of an RSA (PKCS #1 v1.5), ECDSA or Ed25519 key with a source
// of random bytes: rand.Reader, or nil for ECDSA as in RFC 6979.
func Sign(key crypto.Signer, random io.Reader) *Operation {
	hash := SigningHash(key)
	return &Operation{
		Algorithm: KeyAlgorithm(key),
		Name:      "sign",
		Direct: func(n uint64) ([]byte, error) {
			return key.Sign(random, Message(n, hash), hash)
		},
		Bind: func(e *engine.Engine) (JobOperation, error) {
			signer, bound := key.(engine.Signer)
			if !bound {
				var err error
				if signer, err = e.Signer(key); err != nil {
					return nil, err
				}
			}
			return func(ctx context.Context, n uint64) ([]byte, error) {
				return signer.WithContext(ctx).Sign(random, Message(n, hash), hash)
			}, nil
		},
		Verify: func(n uint64, signature []byte) error {
			return verifySignature(key.Public(), Message(n, hash), signature, hash)
		},
	}
}

func verifySignature(public crypto.PublicKey, digest, signature []byte, hash crypto.Hash) error {
	ok := false
	switch k := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, hash, digest, signature)
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, digest, signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, digest, signature)
	}
	if !ok {
		return fmt.Errorf("the public key (%T) does not accept the signature", public)
	}
	return nil
}

// inputs is how many different ciphertexts, signatures, or peers of a key agreement are made in
// advance and used in turn. There are more of them than operations in any batch, and so few that
// making them takes no time worth mentioning.
const inputs = 64

var errWrongResult = errors.New("the result differs from the other side's")

// Decrypt returns the decryption (OAEP) of an RSA key.
func Decrypt(key *rsa.PrivateKey) (*Operation, error) {
	opts := &rsa.OAEPOptions{Hash: crypto.SHA256}
	var ciphertexts [inputs][]byte
	for i := range ciphertexts {
		var err error
		ciphertexts[i], err = rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, &key.PublicKey, Message(uint64(i), 0), nil)
		if err != nil {
			return nil, err
		}
	}
	return &Operation{
		Algorithm: KeyAlgorithm(key),
		Name:      "decrypt",
		Direct: func(n uint64) ([]byte, error) {
			return key.Decrypt(rand.Reader, ciphertexts[n%inputs], opts)
		},
		Bind: func(e *engine.Engine) (JobOperation, error) {
			decrypter, err := e.Decrypter(key)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context, n uint64) ([]byte, error) {
				return decrypter.WithContext(ctx).Decrypt(rand.Reader, ciphertexts[n%inputs], opts)
			}, nil
		},
		Verify: func(n uint64, plaintext []byte) error {
			if !bytes.Equal(plaintext, Message(n%inputs, 0)) {
				return errWrongResult
			}
			return nil
		},
	}, nil
}
