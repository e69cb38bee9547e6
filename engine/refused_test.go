package engine_test

import (
	"crypto"
	"crypto/rsa"
	"testing"

	"asynccrypto/engine/workers"
)

// Keys that cannot work are refused at once: a nil pointer in an interface, and a key that comes
// back to the engine through another one, which could make the two wait for each other.
func TestRefusedKeys(t *testing.T) {
	e, other := newWorkers(t, workers.Options{}), newWorkers(t, workers.Options{})
	if _, err := e.Signer((*rsa.PrivateKey)(nil)); err == nil {
		t.Error("nil signer")
	}
	if _, err := e.Decrypter((*rsa.PrivateKey)(nil)); err == nil {
		t.Error("nil decrypter")
	}
	inner, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	outer, err := other.Signer(inner.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Signer(outer); err == nil {
		t.Error("wrapped twice, with another engine between")
	}
	if _, err := e.Decrypter(outer.(crypto.Decrypter)); err == nil {
		t.Error("wrapped twice, with another engine between")
	}
}
