package pkcs11_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"testing"

	"asynccrypto/engine"
)

func generate[K any](key K, err error) K {
	if err != nil {
		panic(err)
	}
	return key
}

func newKey() *ecdsa.PrivateKey { return generate(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// Keys for the tests that use one only. They are made outside of bubbles.
var (
	testKey    = sync.OnceValue(newKey)
	testRSAKey = sync.OnceValue(func() *rsa.PrivateKey { return generate(rsa.GenerateKey(rand.Reader, 2048)) })
)

var digest = make([]byte, 32)

// use makes a signature and verifies it.
func use(signer crypto.Signer) error {
	sig, err := signer.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(signer.Public().(*ecdsa.PublicKey), digest, sig) {
		return errors.New("the signature is wrong")
	}
	return nil
}

// useMany makes n signatures at once.
func useMany(t *testing.T, key engine.Signer, n int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if err := use(key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// wantError fails the test if err does not have all the parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%v, want an error with %q", err, p)
		}
	}
}
