package rawecdsa_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"testing"

	"asynccrypto/internal/rawecdsa"
)

// TestFromASN1 has numbers that are short, the greatest, and out of range.
func TestFromASN1(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		n := curve.Params().N
		size := rawecdsa.Size(curve)
		last := new(big.Int).Sub(n, big.NewInt(1))
		of := func(r, s *big.Int) []byte {
			sig, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
			if err != nil {
				t.Fatal(err)
			}
			return sig
		}
		good := of(big.NewInt(1), last)
		want := append(append(make([]byte, size-1), 1), last.FillBytes(make([]byte, size))...)
		if raw, ok := rawecdsa.FromASN1(curve, good); !ok || !bytes.Equal(raw, want) {
			t.Errorf("%s: %x, %v", curve.Params().Name, raw, ok)
		}
		for name, sig := range map[string][]byte{
			"r is 0": of(new(big.Int), last), "s is 0": of(last, new(big.Int)), "r is negative": of(big.NewInt(-1), last), "s is negative": of(last, big.NewInt(-1)),
			"r is n": of(n, last), "s is n": of(last, n), "more follows": append(bytes.Clone(good), 0), "cut": good[:len(good)-1], "empty": nil,
		} {
			if raw, ok := rawecdsa.FromASN1(curve, sig); ok || raw != nil {
				t.Errorf("%s, %s: %x", curve.Params().Name, name, raw)
			}
		}
	}
}
