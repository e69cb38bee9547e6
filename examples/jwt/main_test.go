package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"strings"
	"testing"

	"asynccrypto/engine/multibuffer"

	"github.com/golang-jwt/jwt/v5"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, 200); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"crypto/rsa   20 tokens in ", "wrapped key  200 tokens in "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q but\n%s", want, &out)
		}
	}
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestSameToken holds that a wrapped key signs as jwt itself does with the plain one.
func TestSameToken(t *testing.T) {
	key := newKey(t)
	signer, err := multibuffer.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	claims := jwt.MapClaims{"sub": "alice"}
	for _, m := range []struct {
		method jwt.SigningMethod
		hash   crypto.Hash
	}{{jwt.SigningMethodRS256, crypto.SHA256}, {jwt.SigningMethodRS384, crypto.SHA384}, {jwt.SigningMethodRS512, crypto.SHA512}} {
		want, err := jwt.NewWithClaims(m.method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jwt.NewWithClaims(rsaMethod{m.method, m.hash}, claims).SignedString(signer)
		if got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", m.method.Alg(), got, err, want)
		}
	}
}

// TestVerify has verify accept a good token and refuse others.
func TestVerify(t *testing.T) {
	key := newKey(t)
	token, err := issue(key, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(token, "alice", &key.PublicKey); err != nil {
		t.Error(err)
	}
	if verify(token, "bob", &key.PublicKey) == nil {
		t.Error("a token of another user is valid")
	}
	if err := verify(token, "alice", &newKey(t).PublicKey); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		t.Error("under another key:", err)
	}
	if _, err := jwt.New(rs256).SignedString("no key"); !errors.Is(err, jwt.ErrInvalidKeyType) {
		t.Error("signed with no key:", err)
	}
}

// A number that is too small is an error that names the option.
func TestTooFew(t *testing.T) {
	for _, n := range []int{0, -5} {
		if err := run(io.Discard, n); err == nil || !strings.Contains(err.Error(), "-n") {
			t.Errorf("-n %d: %v", n, err)
		}
	}
}
