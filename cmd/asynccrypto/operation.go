package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"

	"asynccrypto/engine"
)

// jobOperation does an operation on input n, in the job that ctx carries.
type jobOperation func(ctx context.Context, n uint64) ([]byte, error)

// operation is one thing that a key does. Its inputs are numbered, so that each can be made again for the verification
// without being kept.
type operation struct {
	algorithm string // openssl's name
	name      string // sign, decrypt or derive
	// direct does the operation on input n with the standard library.
	direct func(n uint64) ([]byte, error)
	// bind returns the same through an engine.
	bind func(e *engine.Engine) (jobOperation, error)
	// verify checks the result for input n, with the public key or against what the other side has.
	verify func(n uint64, result []byte) error
}

// message is input n: as many bytes as the hash has, or 32 where there is none. It stands for a digest; that it is not
// one makes no difference to the key.
func message(n uint64, hash crypto.Hash) []byte {
	size := 32
	if hash != 0 {
		size = hash.Size()
	}
	m := bytes.Repeat([]byte{0xa5}, size)
	binary.BigEndian.PutUint64(m, n)
	return m
}

func signOperation(algorithm string, key crypto.Signer, hash crypto.Hash) *operation {
	return &operation{
		algorithm: algorithm,
		name:      "sign",
		direct: func(n uint64) ([]byte, error) {
			return key.Sign(rand.Reader, message(n, hash), hash)
		},
		bind: func(e *engine.Engine) (jobOperation, error) {
			signer, err := e.Signer(key)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context, n uint64) ([]byte, error) {
				return signer.WithContext(ctx).Sign(rand.Reader, message(n, hash), hash)
			}, nil
		},
		verify: func(n uint64, signature []byte) error {
			return verifySignature(key.Public(), message(n, hash), signature, hash)
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
		return fmt.Errorf("a signature that the public key (%T) does not accept", public)
	}
	return nil
}

// inputs is how many different ciphertexts, or peers of a key agreement, are made in advance and used in turn. There are
// more than operations in any batch, and so few that making them takes no time worth mentioning.
const inputs = 256

var errWrongResult = errors.New("a result that is not what the other side has")

func decryptOperation(algorithm string, key *rsa.PrivateKey) (*operation, error) {
	opts := &rsa.OAEPOptions{Hash: crypto.SHA256}
	var ciphertexts [inputs][]byte
	for i := range ciphertexts {
		var err error
		ciphertexts[i], err = rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, &key.PublicKey, message(uint64(i), 0), nil)
		if err != nil {
			return nil, err
		}
	}
	return &operation{
		algorithm: algorithm,
		name:      "decrypt",
		direct: func(n uint64) ([]byte, error) {
			return key.Decrypt(rand.Reader, ciphertexts[n%inputs], opts)
		},
		bind: func(e *engine.Engine) (jobOperation, error) {
			decrypter, err := e.Decrypter(key)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context, n uint64) ([]byte, error) {
				return decrypter.WithContext(ctx).Decrypt(rand.Reader, ciphertexts[n%inputs], opts)
			}, nil
		},
		verify: func(n uint64, plaintext []byte) error {
			if !bytes.Equal(plaintext, message(n%inputs, 0)) {
				return errWrongResult
			}
			return nil
		},
	}, nil
}

func deriveOperation(algorithm string, key *ecdh.PrivateKey) (*operation, error) {
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
	return &operation{
		algorithm: algorithm,
		name:      "derive",
		direct: func(n uint64) ([]byte, error) {
			return key.ECDH(peers[n%inputs])
		},
		bind: func(e *engine.Engine) (jobOperation, error) {
			return func(ctx context.Context, n uint64) ([]byte, error) {
				op := &engine.ECDHOp{Key: key, Peer: peers[n%inputs]}
				err := e.Do(ctx, op)
				return op.Secret, err
			}, nil
		},
		verify: func(n uint64, secret []byte) error {
			if !bytes.Equal(secret, secrets[n%inputs]) {
				return errWrongResult
			}
			return nil
		},
	}, nil
}
