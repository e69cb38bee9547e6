package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"

	"asynccrypto/engine"
)

// keyed is an operation with one key, on inputs that are numbered, so that each can be made again for the verification.
type keyed struct {
	direct func(n uint64) ([]byte, error)                      // by the standard library
	engine func(ctx context.Context, n uint64) ([]byte, error) // through the engine
	verify func(n uint64, result []byte) error                 // with the public key, or what the other side has
	key    *rsa.PrivateKey                                     // for the kernels; nil for other algorithms
}

// digestOf is input n, no two alike. That it is no digest makes no difference.
func digestOf(n uint64, hash crypto.Hash) []byte {
	size := 32
	if hash != 0 {
		size = hash.Size()
	}
	d := bytes.Repeat([]byte{0xa5}, size)
	binary.BigEndian.PutUint64(d, n)
	return d
}

// newKeyed returns an operation with a key as makeKeys gives it, or with a fresh one if der is nil.
func newKeyed(e *engine.Engine, algorithm, operation string, der []byte) (*keyed, error) {
	key, err := privateKey(algorithm, der)
	if err != nil {
		return nil, err
	}
	switch {
	case operation == "derive":
		return deriving(e, key.(*ecdh.PrivateKey))
	case operation == "decrypt":
		return decrypting(e, key.(*rsa.PrivateKey))
	}
	hash := crypto.SHA256
	switch algorithm {
	case "ecdsap384":
		hash = crypto.SHA384
	case "ed25519":
		hash = 0
	}
	return signing(e, key.(crypto.Signer), hash)
}

func privateKey(algorithm string, der []byte) (any, error) {
	switch algorithm {
	case "ecdsap256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ecdsap384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "ecdhx25519":
		return ecdh.X25519().GenerateKey(rand.Reader)
	}
	return x509.ParsePKCS8PrivateKey(der)
}

func signing(e *engine.Engine, key crypto.Signer, hash crypto.Hash) (*keyed, error) {
	signer, err := e.Signer(key)
	if err != nil {
		return nil, err
	}
	k := &keyed{
		direct: func(n uint64) ([]byte, error) { return key.Sign(rand.Reader, digestOf(n, hash), hash) },
		engine: func(ctx context.Context, n uint64) ([]byte, error) {
			return signer.WithContext(ctx).Sign(rand.Reader, digestOf(n, hash), hash)
		},
		verify: func(n uint64, sig []byte) error {
			ok := false
			switch public := key.Public().(type) {
			case *rsa.PublicKey:
				return rsa.VerifyPKCS1v15(public, hash, digestOf(n, hash), sig)
			case *ecdsa.PublicKey:
				ok = ecdsa.VerifyASN1(public, digestOf(n, hash), sig)
			case ed25519.PublicKey:
				ok = ed25519.Verify(public, digestOf(n, hash), sig)
			}
			if !ok {
				return errors.New("the public key does not accept a signature")
			}
			return nil
		},
	}
	k.key, _ = key.(*rsa.PrivateKey)
	return k, nil
}

// inputs is how many ciphertexts, or peers, are made in advance and used in turn.
const inputs = 256

func decrypting(e *engine.Engine, key *rsa.PrivateKey) (*keyed, error) {
	decrypter, err := e.Decrypter(key)
	if err != nil {
		return nil, err
	}
	opts := &rsa.OAEPOptions{Hash: crypto.SHA256}
	var ciphertexts [inputs][]byte
	for i := range ciphertexts {
		if ciphertexts[i], err = rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, &key.PublicKey, digestOf(uint64(i), 0), nil); err != nil {
			return nil, err
		}
	}
	return &keyed{
		direct: func(n uint64) ([]byte, error) { return key.Decrypt(rand.Reader, ciphertexts[n%inputs], opts) },
		engine: func(ctx context.Context, n uint64) ([]byte, error) {
			return decrypter.WithContext(ctx).Decrypt(rand.Reader, ciphertexts[n%inputs], opts)
		},
		verify: func(n uint64, plaintext []byte) error { return same(plaintext, digestOf(n%inputs, 0)) },
	}, nil
}

func deriving(e *engine.Engine, key *ecdh.PrivateKey) (*keyed, error) {
	var peers [inputs]*ecdh.PublicKey
	var secrets [inputs][]byte // as the peers derive them
	for i := range peers {
		peer, err := key.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		peers[i] = peer.PublicKey()
		if secrets[i], err = peer.ECDH(key.PublicKey()); err != nil {
			return nil, err
		}
	}
	return &keyed{
		direct: func(n uint64) ([]byte, error) { return key.ECDH(peers[n%inputs]) },
		engine: func(ctx context.Context, n uint64) ([]byte, error) {
			op := &engine.ECDHOp{Key: key, Peer: peers[n%inputs]}
			err := e.Do(ctx, op)
			return op.Secret, err
		},
		verify: func(n uint64, secret []byte) error { return same(secret, secrets[n%inputs]) },
	}, nil
}

func same(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("a result that is not what the other side has")
	}
	return nil
}
