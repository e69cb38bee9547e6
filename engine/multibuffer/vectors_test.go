package multibuffer_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"asynccrypto/engine/multibuffer"
)

// TestWycheproof compares signatures with those that Project Wycheproof generated. The file names
// its source and its licence.
func TestWycheproof(t *testing.T) {
	data, err := os.ReadFile("testdata/wycheproof_siggen.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Size       int
			SHA, PKCS8 string
			Tests      [][3]any // number, message, signature
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	hashes := map[string]crypto.Hash{
		"SHA-1": crypto.SHA1, "SHA-224": crypto.SHA224, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512,
	}
	unhex := func(x any) []byte {
		b, err := hex.DecodeString(x.(string))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	e := newEngine(t, multibuffer.Options{})
	n, uneven := 0, 0
	for _, g := range file.Groups {
		key, err := x509.ParsePKCS8PrivateKey(unhex(g.PKCS8))
		if err != nil {
			t.Fatal(err)
		}
		s := wrap(t, e, key.(*rsa.PrivateKey))
		if key.(*rsa.PrivateKey).Primes[0].BitLen() != g.Size/2 {
			uneven += len(g.Tests) // those with e = 3 have one long prime and one short one
		}
		for _, c := range g.Tests {
			h := hashes[g.SHA]
			sum := h.New()
			sum.Write(unhex(c[1]))
			got, err := s.Sign(nil, sum.Sum(nil), h)
			if err != nil || !bytes.Equal(got, unhex(c[2])) {
				t.Errorf("%d bits, %s, test %v: got %x, %v; want %v", g.Size, g.SHA, c[0], got, err, c[2])
			}
			n++
		}
	}
	if n != 93 {
		t.Errorf("%d tests, want 93", n)
	}
	wantVectorized(t, e, n-uneven)
}
