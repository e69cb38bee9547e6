package hsmtest

import (
	"crypto"
	"errors"
	"io"
	"slices"
	"testing"
)

// TestOperations tries every operation on keys of the standard library, and on the same keys with a
// bit of each result changed.
func TestOperations(t *testing.T) {
	for _, kind := range Kinds {
		key := NewKey(t, kind)
		names := make(map[string]bool)
		for _, op := range Operations(kind) {
			if names[op.String()] {
				t.Errorf("two operations are %v", op)
			}
			names[op.String()] = true
			if err := op.Try(key); err != nil {
				t.Errorf("%v: %v", op, err)
			}
			// A token may make up a text for a broken ciphertext.
			madeUp := slices.Contains([]string{"decryption PKCS #1 v1.5, broken", "decryption PKCS #1 v1.5, broken, session key", "decryption OAEP SHA-1, broken"}, op.Name)
			if err := op.Try(changed{key}); !errors.Is(err, ErrWrong) && !madeUp {
				t.Errorf("%v, changed: %v", op, err)
			}
		}
		if len(names) < 5 {
			t.Errorf("%s has %d operations", kind, len(names))
		}
	}
}

// changed changes a bit of what a key returns.
type changed struct{ crypto.Signer }

func (c changed) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return change(c.Signer.Sign(r, digest, opts))
}

func (c changed) Decrypt(r io.Reader, text []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return change(c.Signer.(crypto.Decrypter).Decrypt(r, text, opts))
}

func change(b []byte, err error) ([]byte, error) {
	if len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	return b, err
}

// TestRefusals checks that the table has no operation that there is not.
func TestRefusals(t *testing.T) {
	names := make(map[string]bool)
	for _, kind := range Kinds {
		for _, op := range Operations(kind) {
			names[op.Name] = true
		}
	}
	modules := make(map[string]bool)
	for _, m := range Modules {
		modules[m.Name] = true
	}
	for module, table := range refusals {
		if !modules[module] {
			t.Errorf("there is no module %s", module)
		}
		for op := range table {
			if !names[op] {
				t.Errorf("%s: there is no operation %q", module, op)
			}
		}
	}
}
