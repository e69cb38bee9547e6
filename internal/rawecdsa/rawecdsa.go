// Package rawecdsa has the form of an ECDSA signature in which r and s stand side by side, each as long
// as the order of the curve, as in JSON Web Signatures (RFC 7518, section 3.4).
package rawecdsa

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
)

// Size returns the size in bytes of r, and of s.
func Size(curve elliptic.Curve) int { return (curve.Params().N.BitLen() + 7) / 8 }

// FromASN1 changes the form of a signature in ASN.1. It returns false if sig cannot be a signature with
// a key on the curve: r and s are at least 1, and less than the order of the curve.
func FromASN1(curve elliptic.Curve, sig []byte) (raw []byte, ok bool) {
	var v struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(sig, &v)
	n := curve.Params().N
	if err != nil || len(rest) > 0 || v.R.Sign() <= 0 || v.S.Sign() <= 0 || v.R.Cmp(n) >= 0 || v.S.Cmp(n) >= 0 {
		return nil, false
	}
	size := Size(curve)
	raw = make([]byte, 2*size)
	v.R.FillBytes(raw[:size])
	v.S.FillBytes(raw[size:])
	return raw, true
}
