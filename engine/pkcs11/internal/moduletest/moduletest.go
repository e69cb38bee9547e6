// Package moduletest tests the engine of tokens with the real modules of package hsmtest. The tests
// of package pkcs11 and of package direct share it.
package moduletest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/publickey"
	"asynccrypto/internal/testwait"
)

// Open opens m's token with o, and closes it when the test ends. Without o.Load it needs helpers.
func Open(t *testing.T, m *hsmtest.Module, o pkcs11.Options) *pkcs11.Token {
	t.Helper()
	if o.Load == nil {
		hsmtest.Program(t, "p11-kit", "p11-kit") // the helper
	}
	o.InitArgs = m.InitArgs
	var (
		tok *pkcs11.Token
		err error
	)
	testwait.Await(t, "a token", func() bool { // a busy machine may take longer than Options.Hang
		tok, err = pkcs11.Open(m.URI(""), o)
		return !errors.Is(err, engine.ErrUnavailable)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tok.Close(); err != nil {
			t.Error(err)
		}
	})
	return tok
}

// OpenKey opens m's token and returns the key that is called key.
func OpenKey(t *testing.T, m *hsmtest.Module, o pkcs11.Options) (*pkcs11.Token, engine.Signer) {
	t.Helper()
	var (
		key engine.Signer
		err error
	)
	tok := Open(t, m, o)
	testwait.Await(t, "a key", func() bool {
		key, err = tok.Signer("pkcs11:object=key")
		return !errors.Is(err, engine.ErrUnavailable)
	})
	if err != nil {
		t.Fatal(err)
	}
	return tok, key
}

// Sign signs a random digest with a key of P-256.
func Sign(key crypto.Signer) error {
	var digest [sha256.Size]byte
	rand.Read(digest[:])
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err == nil && !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest[:], sig) {
		err = errors.New("the signature does not verify")
	}
	return err
}

// Modules has every real module, opened with o, do everything that a key of each kind can be asked
// for. A module does it right, or refuses it with the answer that it is known for.
func Modules(t *testing.T, o pkcs11.Options) {
	for _, c := range hsmtest.Modules {
		t.Run(c.Name, func(t *testing.T) {
			m := c.New(t)
			keys := m.Fill(t)
			tok := Open(t, m, o)
			for _, kind := range m.Kinds {
				t.Run(string(kind), func(t *testing.T) {
					key, err := tok.Signer(m.URI(string(kind)))
					if err != nil {
						t.Fatal(err)
					}
					if !publickey.Equal(keys[kind].Public(), key.Public()) {
						t.Error("the token has another public key")
					}
					for _, op := range hsmtest.Operations(kind) {
						checkOperation(t, m, op, key)
					}
				})
			}
			if h := tok.Health(); !h.Up || h.Reconnects != 0 || h.Hung != 0 {
				t.Errorf("the token's health at the end is %+v", h)
			}
		})
	}
}

func checkOperation(t *testing.T, m *hsmtest.Module, op hsmtest.Operation, key crypto.Signer) {
	t.Helper()
	err := op.Try(key)
	switch {
	case err == nil:
	case errors.Is(err, engine.ErrUnavailable):
		t.Errorf("%v: another token would be asked: %v", op, err)
	case m.Refuses(op, err):
		t.Logf("%v: refused: %v", op, err)
	default:
		t.Errorf("%v: %v", op, err)
	}
}
