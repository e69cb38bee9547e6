package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// publicKey makes a public key of the attributes of a public key or a private key. It returns nil if
// they are not there, or of a kind that is not known.
func publicKey(kind uint64, as attributes) crypto.PublicKey {
	if info := as[ck.AttrPublicKeyInfo].Bytes; len(info) > 0 {
		if pub, err := x509.ParsePKIXPublicKey(info); err == nil && fits(kind, pub) {
			return pub
		}
	}
	switch kind {
	case ck.KeyRSA:
		if pub := rsaKey(as[ck.AttrModulus].Bytes, as[ck.AttrPublicExponent].Bytes); pub != nil {
			return pub
		}
	case ck.KeyEC:
		if pub := ecKey(as[ck.AttrECParams].Bytes, as[ck.AttrECPoint].Bytes); pub != nil {
			return pub
		}
	case ck.KeyECEdwards:
		// CKA_EC_PARAMS is an OID or a string that names the curve. Ed448 has points of 57 bytes.
		point := as[ck.AttrECPoint].Bytes
		for _, p := range [][]byte{unwrap(point), point} {
			if len(p) == ed25519.PublicKeySize {
				return ed25519.PublicKey(bytes.Clone(p))
			}
		}
	}
	return nil
}

// fits reports whether pub is a key of kind.
func fits(kind uint64, pub crypto.PublicKey) (ok bool) {
	switch kind {
	case ck.KeyRSA:
		_, ok = pub.(*rsa.PublicKey)
	case ck.KeyEC:
		_, ok = pub.(*ecdsa.PublicKey)
	case ck.KeyECEdwards:
		_, ok = pub.(ed25519.PublicKey)
	}
	return ok
}

func rsaKey(modulus, exponent []byte) *rsa.PublicKey {
	e := new(big.Int).SetBytes(exponent)
	if len(modulus) == 0 || e.BitLen() < 2 || e.BitLen() > 31 { // crypto/rsa takes no others
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())}
}

var curves = map[string]elliptic.Curve{
	"1.3.132.0.33":        elliptic.P224(),
	"1.2.840.10045.3.1.7": elliptic.P256(),
	"1.3.132.0.34":        elliptic.P384(),
	"1.3.132.0.35":        elliptic.P521(),
}

// ecKey returns the key of a named curve. The point is in a DER OCTET STRING (PKCS #11 v2.20 on) or
// bare.
func ecKey(params, point []byte) *ecdsa.PublicKey {
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(params, &oid); err != nil || len(rest) > 0 {
		return nil
	}
	curve, ok := curves[oid.String()]
	if !ok {
		return nil
	}
	for _, p := range [][]byte{unwrap(point), point} {
		if pub, err := ecdsa.ParseUncompressedPublicKey(curve, p); err == nil {
			return pub
		}
	}
	return nil
}

// unwrap returns the content of a DER OCTET STRING, or b if b is none.
func unwrap(b []byte) []byte {
	var inner []byte
	if rest, err := asn1.Unmarshal(b, &inner); err == nil && len(rest) == 0 {
		return inner
	}
	return b
}

// typeName returns the value of KeyInfo.Type.
func typeName(kind uint64, pub crypto.PublicKey) string {
	switch kind {
	case ck.KeyRSA:
		return "RSA"
	case ck.KeyEC:
		return "EC"
	case ck.KeyECEdwards:
		if _, ok := pub.(ed25519.PublicKey); ok {
			return "Ed25519"
		}
		return "Edwards"
	}
	return fmt.Sprintf("CKK %#x", kind)
}
