package measure

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

// testKeys returns a key of each kind. The smallest RSA keys are enough: larger ones take seconds
// to make.
func testKeys(t *testing.T) map[string]any {
	keys := map[string]any{}
	for _, name := range Algorithms() {
		if name == "rsa3072" || name == "rsa4096" {
			continue
		}
		key, err := GenerateKey(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keys[name] = key
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys["ecdsap521"] = p521
	return keys
}

// Each operation does what it says, directly and through an engine, and does not accept another's
// result.
func TestOperations(t *testing.T) {
	e := pairs(t)
	for name, key := range testKeys(t) {
		ops, err := Operations(key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, op := range ops {
			if op.Algorithm != name {
				t.Errorf("an operation of %s is named %s", name, op.Algorithm)
			}
			through, err := op.Bind(e)
			if err != nil {
				t.Fatal(err)
			}
			for way, do := range map[string]JobOperation{
				"directly":          func(_ context.Context, n uint64) ([]byte, error) { return op.Direct(n) },
				"through an engine": through,
			} {
				result, err := do(t.Context(), 1<<40+3)
				if err != nil {
					t.Errorf("%s %s, %s: %v", op.Algorithm, op.Name, way, err)
					continue
				}
				if err := op.Verify(1<<40+3, result); err != nil {
					t.Errorf("%s %s, %s: %v", op.Algorithm, op.Name, way, err)
				}
				if op.Name == "keygen" { // no result belongs to an input; one bit breaks it
					result[40] ^= 1
				}
				if err := op.Verify(1<<40+4, result); err == nil {
					t.Errorf("%s %s, %s: accepted for another input", op.Algorithm, op.Name, way)
				}
			}
		}
	}
}

// One of the signatures to verify is not valid, and each way finds that out.
func TestVerificationOfWrongSignature(t *testing.T) {
	e := pairs(t)
	for name, key := range testKeys(t) {
		signer, ok := key.(crypto.Signer)
		if !ok {
			continue
		}
		signatures, err := NewSignatures(signer, 3)
		if err != nil {
			t.Fatal(err)
		}
		op := signatures.Verification()
		through, err := op.Bind(e)
		if err != nil {
			t.Fatal(err)
		}
		direct, err1 := op.Direct(5)
		result, err2 := through(t.Context(), 5)
		if err1 != nil || err2 != nil || len(direct) > 0 || len(result) > 0 || op.Verify(5, nil) != nil {
			t.Errorf("%s: %x, %v; %x, %v", name, direct, err1, result, err2)
		}
		if valid, err := op.Direct(4); err != nil || op.Verify(5, valid) == nil || op.Verify(4, nil) == nil {
			t.Errorf("%s: a wrong answer passes: %v", name, err)
		}
	}
}

func TestKeysThatAreNotMeasured(t *testing.T) {
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{nil, p256, "key"} {
		if ops, err := Operations(key); err == nil || ops != nil || KeyAlgorithm(key) != "" {
			t.Errorf("%T: %v, %v, %q", key, ops, err, KeyAlgorithm(key))
		}
	}
	if _, err := GenerateKey("rsa1"); err == nil || err.Error() != `unknown algorithm "rsa1"` {
		t.Error(err)
	}
}
