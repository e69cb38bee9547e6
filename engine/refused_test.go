package engine_test

import (
	"crypto"
	"crypto/rsa"
	"testing"

	"asynccrypto/engine/fallback"
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

// A chain of keys does not hide that the engine wraps one of them.
func TestRefusedChains(t *testing.T) {
	e, other, third := newWorkers(t, workers.Options{}), newWorkers(t, workers.Options{}), newWorkers(t, workers.Options{})
	inner, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	chain, err := fallback.New(fallback.Options{}, fallback.Member{Name: "file", Signer: rsaKey()}, fallback.Member{Name: "inner", Signer: inner})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	outer, err := other.Signer(chain)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{
		"in a chain": chain, "in a bound chain": chain.WithContext(t.Context()), "in a chain behind another engine": outer,
	} {
		if _, err := e.Signer(key); err == nil {
			t.Error("wrapped twice:", name)
		}
		if _, err := e.Decrypter(key.(crypto.Decrypter)); err == nil {
			t.Error("wrapped twice, to decrypt:", name)
		}
		if _, err := third.Signer(key); err != nil {
			t.Errorf("%s, by an engine that is not in it: %v", name, err)
		}
	}

	decrypter, err := e.Decrypter(decryptOnly{rsaKey()})
	if err != nil {
		t.Fatal(err)
	}
	decrypters, err := fallback.NewDecrypter(fallback.Options{}, fallback.Member{Name: "inner", Decrypter: decrypter})
	if err != nil {
		t.Fatal(err)
	}
	defer decrypters.Close()
	if _, err := e.Decrypter(decrypters); err == nil {
		t.Error("wrapped twice: a chain of decrypters")
	}
	if _, err := other.Decrypter(decrypters); err != nil {
		t.Error(err)
	}
}
