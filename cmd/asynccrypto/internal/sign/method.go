package sign

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
)

// method is a way to sign a file: the options for the hash of the file.
type method struct {
	opts    crypto.SignerOpts
	newHash func() digester
}

// digester is the part of [hash.Hash] that signing needs. Sum is called once.
type digester interface {
	io.Writer
	Sum([]byte) []byte
}

// signingKey returns the key as a signer, and the method to sign with. It has tried them.
func signingKey(key any, hash crypto.Hash, pss bool) (crypto.Signer, method, error) {
	m := method{hash, func() digester { return hash.New() }}
	if mu, ok := mldsaMethod(key); ok {
		if pss {
			return nil, m, errors.New("an ML-DSA key; -pss is for RSA")
		}
		return key.(crypto.Signer), mu, nil
	}
	switch key.(type) {
	case *rsa.PrivateKey:
		if pss {
			m.opts = &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
		}
	case *ecdsa.PrivateKey:
		if pss {
			return nil, m, errors.New("an ECDSA key; -pss is for RSA")
		}
	case ed25519.PrivateKey:
		return nil, m, errors.New("an Ed25519 key, which signs no digest: it needs each file in memory as a whole, " +
			"and \"openssl dgst\" can't verify it; use an RSA or ECDSA key")
	case *ecdh.PrivateKey:
		return nil, m, errors.New("a key for key agreement, which can't sign; use an RSA or ECDSA key")
	default:
		return nil, m, fmt.Errorf("a key of a kind (%T) that can't sign files; use an RSA or ECDSA key", key)
	}
	signer := key.(crypto.Signer)
	// A trial signature finds a key that is too short for the hash before any file is read.
	if _, err := signer.Sign(rand.Reader, make([]byte, hash.Size()), m.opts); err != nil {
		return nil, m, fmt.Errorf("can't sign with %s: %w", hash, err)
	}
	return signer, m, nil
}
