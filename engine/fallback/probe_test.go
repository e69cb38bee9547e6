package fallback_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
)

// A probe is a signature that the key's place is likely to make, of other bytes each time.
func TestProbeKinds(t *testing.T) {
	for name, c := range probeKinds(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hsm := newPlace(t)
				s := newChain(t, fallback.Member{Name: "hsm", Signer: hsm.signer(t, c.key), Timeout: timeout}, fallback.Member{Name: "file", Signer: c.key})
				hsm.set(dead)
				for range 3 {
					s.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				hsm.set(works)
				time.Sleep(time.Second)
				synctest.Wait()
				if st := s.Stats()[0]; st.State != fallback.Closed {
					t.Fatalf("%+v", st)
				}
				first, second := hsm.ops[3].(*engine.SignOp), hsm.ops[4].(*engine.SignOp)
				if len(second.Digest) != c.size || second.Opts != c.opts || string(first.Digest) == string(second.Digest) {
					t.Errorf("the probe signed %x with %v", second.Digest, second.Opts)
				}
			})
		})
	}
}

type probeKind struct {
	key  crypto.Signer
	opts crypto.SignerOpts
	size int
}

func probeKinds(t *testing.T) map[string]probeKind {
	kinds := map[string]probeKind{
		"RSA": {rsaKey(), crypto.SHA256, 32},
	}
	for hash, curves := range map[crypto.Hash][]elliptic.Curve{
		crypto.SHA256: {elliptic.P224(), elliptic.P256()},
		crypto.SHA384: {elliptic.P384()},
		crypto.SHA512: {elliptic.P521()},
	} {
		for _, curve := range curves {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			kinds[curve.Params().Name] = probeKind{key, hash, hash.Size()}
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kinds["Ed25519"] = probeKind{key, crypto.Hash(0), 32}
	if key := newMLDSAKey(t); key != nil {
		kinds["ML-DSA"] = probeKind{key, crypto.Hash(0), 32}
	}
	return kinds
}
