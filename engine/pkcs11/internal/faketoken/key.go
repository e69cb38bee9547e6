package faketoken

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"
	"slices"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// Key is a private key on a token, and the public key or the certificate beside it: two objects,
// whose handles follow each other.
type Key struct {
	Key   crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
	ID    []byte
	Label string

	Certificate        []byte // in DER; it is there in place of the public key
	Bare               bool   // its point is in no OCTET STRING
	Unlabelled         bool   // the private key has no label; the other object has
	Hidden             bool   // there is no other object, and the private one does not show the public key
	NoLogin            bool   // the private key is there without a login
	NoSign, NoDecrypt  bool
	Signature          []byte // if not nil, the result of every signature
	AlwaysAuthenticate bool   // each operation needs a login of its own
}

const objectsPerKey = 2

// object returns the key of an object and the object's class, or nil if the session does not show
// it.
func (s *session) object(o ck.Object) (k *Key, class uint64) {
	i := int(o) - 1
	if i < 0 || i >= objectsPerKey*len(s.token.Keys) || s.token.Keys[i/objectsPerKey] == nil {
		return nil, 0
	}
	k, class = s.token.Keys[i/objectsPerKey], ck.ClassPrivateKey
	switch {
	case i%objectsPerKey == 0:
		if s.token.Flags&ck.FlagLoginRequired != 0 && !*s.loggedIn && !k.NoLogin {
			return nil, 0
		}
	case k.Hidden:
		return nil, 0
	case k.Certificate != nil:
		class = ck.ClassCertificate
	default:
		class = ck.ClassPublicKey
	}
	return k, class
}

func number(typ, v uint64) ck.Attribute        { return ck.Attribute{Type: typ, Number: v} }
func truth(typ uint64, v bool) ck.Attribute    { return ck.Attribute{Type: typ, Bool: v} }
func octets(typ uint64, v []byte) ck.Attribute { return ck.Attribute{Type: typ, Bytes: v} }
func equal(a, b ck.Attribute) bool {
	return a.Type == b.Type && a.Number == b.Number && a.Bool == b.Bool && bytes.Equal(a.Bytes, b.Bytes)
}

func encode(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

// attributes returns the attributes of an object.
func (k *Key) attributes(class uint64) []ck.Attribute {
	private := class == ck.ClassPrivateKey
	as := []ck.Attribute{number(ck.AttrClass, class), octets(ck.AttrID, k.ID)}
	if !private || !k.Unlabelled {
		as = append(as, octets(ck.AttrLabel, []byte(k.Label)))
	}
	if class == ck.ClassCertificate {
		return append(as, octets(ck.AttrValue, k.Certificate))
	}
	as = append(as, number(ck.AttrKeyType, k.kind()))
	if private {
		as = append(as, truth(ck.AttrSign, !k.NoSign), truth(ck.AttrDecrypt, k.decrypts()), truth(ck.AttrAlwaysAuthenticate, k.AlwaysAuthenticate))
	}
	if k.Hidden {
		return as
	}
	var (
		params asn1.ObjectIdentifier
		point  []byte
	)
	switch pub := k.Key.Public().(type) {
	case *rsa.PublicKey:
		return append(as, octets(ck.AttrModulus, pub.N.Bytes()), octets(ck.AttrPublicExponent, big.NewInt(int64(pub.E)).Bytes()))
	case *ecdsa.PublicKey:
		params = curves[pub.Curve]
		point, _ = pub.Bytes() // no error for a key that was generated
	case ed25519.PublicKey:
		params, point = asn1.ObjectIdentifier{1, 3, 101, 112}, pub // RFC 8410
	}
	as = append(as, octets(ck.AttrECParams, encode(params)))
	if !private { // private keys of most modules lack it
		if !k.Bare {
			point = encode(point)
		}
		as = append(as, octets(ck.AttrECPoint, point))
	}
	return as
}

// kind returns the key's type.
func (k *Key) kind() uint64 {
	switch k.Key.(type) {
	case *rsa.PrivateKey:
		return ck.KeyRSA
	case *ecdsa.PrivateKey:
		return ck.KeyEC
	}
	return ck.KeyECEdwards
}

func (k *Key) decrypts() bool { return k.kind() == ck.KeyRSA && !k.NoDecrypt }

// curves are the names of curves (SEC 2, appendix A).
var curves = map[elliptic.Curve]asn1.ObjectIdentifier{
	elliptic.P224(): {1, 3, 132, 0, 33}, elliptic.P256(): {1, 2, 840, 10045, 3, 1, 7},
	elliptic.P384(): {1, 3, 132, 0, 34}, elliptic.P521(): {1, 3, 132, 0, 35},
}

// find begins a search.
func (s *session) find(r *wire.Reader) error {
	if s.finding {
		return ck.RVOperationActive
	}
	want := make([]ck.Attribute, r.Attributes())
	for i := range want {
		want[i], _, _ = r.Attribute()
	}
	s.finding, s.found = true, nil
	for i := range objectsPerKey * len(s.token.Keys) {
		k, class := s.object(ck.Object(i + 1))
		if k == nil {
			continue
		}
		has := k.attributes(class)
		if !slices.ContainsFunc(want, func(w ck.Attribute) bool {
			return !slices.ContainsFunc(has, func(h ck.Attribute) bool { return equal(h, w) })
		}) {
			s.found = append(s.found, uint64(i+1))
		}
	}
	return nil
}

// attributes answers C_GetAttributeValue.
func (c *conn) attributes(s *session, r *wire.Reader) error {
	k, class := s.object(ck.Object(r.Ulong()))
	if k == nil {
		return ck.RVObjectHandleInvalid
	}
	has := k.attributes(class)
	n := r.Attributes()
	rv := ck.Error(0)
	c.out.Uint32(uint32(n))
	for range n {
		t, room := r.Room()
		i := slices.IndexFunc(has, func(a ck.Attribute) bool { return a.Type == t })
		switch {
		case i < 0:
			rv = ck.RVAttributeTypeInvalid
			c.out.NoAttribute(t)
		case room == 0:
			c.out.AttributeSize(&has[i])
		case len(has[i].Bytes) > room:
			rv = ck.RVBufferTooSmall
			c.out.NoAttribute(t)
		default:
			c.out.Attribute(&has[i])
		}
	}
	c.out.Ulong(uint64(rv))
	return nil
}
