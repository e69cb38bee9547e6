package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/interop/golangjwt"

	"github.com/golang-jwt/jwt/v5"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, 200); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"plain keys    20 tokens: ", "wrapped keys  200 tokens: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q but\n%s", want, &out)
		}
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestVerify has verify accept a good token and refuse others, with a plain key and a wrapped one.
func TestVerify(t *testing.T) {
	key := newKey(t)
	token, err := issue(golangjwt.ES256, key, "alice")
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(key *ecdsa.PrivateKey) engine.Verifier {
		v, err := multibuffer.Verifier(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.Close() })
		return v
	}
	stranger, verifier := newKey(t), wrap(key)
	for _, keys := range [][2]any{{&key.PublicKey, &stranger.PublicKey}, {verifier, wrap(stranger)}} {
		if err := verify(t.Context(), token, "alice", keys[0]); err != nil {
			t.Error(err)
		}
		if verify(t.Context(), token, "bob", keys[0]) == nil {
			t.Error("a token of another user is valid")
		}
		if err := verify(t.Context(), token, "alice", keys[1]); !errors.Is(err, jwt.ErrTokenSignatureInvalid) || errors.Is(err, errUnknown) {
			t.Error("under another key:", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := verify(ctx, token, "alice", verifier); !errors.Is(err, errUnknown) {
		t.Error("cancelled:", err)
	}
	verifier.Close()
	if err := verify(t.Context(), token, "alice", verifier); !errors.Is(err, errUnknown) {
		t.Error("closed:", err)
	}
	if _, err := issue(golangjwt.ES256, "no key", "alice"); !errors.Is(err, jwt.ErrInvalidKeyType) {
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
