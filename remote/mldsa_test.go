//go:build go1.27

package remote_test

import (
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"testing"

	"asynccrypto/engine"
)

func TestMLDSA(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Skip(err) // the FIPS 140-3 module v1.0.0 has none
	}
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		n := f.nodes["a"]
		n.kill()
		n.keys, n.allow = map[string]crypto.Signer{"pq": key}, "allow uid:7 sign pq\n"
		n.start(t)
		e := f.engine(t)
		s, err := e.Signer(t.Context(), "pq")
		if err != nil {
			t.Fatal(err)
		}
		message := []byte("a message")
		for _, opts := range []crypto.SignerOpts{nil, (*mldsa.Options)(nil), crypto.Hash(0), &mldsa.Options{Context: "context"}} {
			for _, call := range []func() ([]byte, error){
				func() ([]byte, error) { return s.Sign(rand.Reader, message, opts) },
				func() ([]byte, error) { return s.SignMessage(rand.Reader, message, opts) },
			} {
				sig, err := call()
				if err != nil {
					t.Fatal(err)
				}
				op := engine.VerifyOp{Key: s.Public(), Digest: message, Signature: sig, Opts: opts}
				if err := op.Run(); err != nil {
					t.Error(err)
				}
			}
		}
		for _, opts := range []crypto.SignerOpts{crypto.SHA256, crypto.MLDSAMu} {
			_, err := s.Sign(rand.Reader, message, opts)
			contains(t, err, "ptions")
		}
	})
}
