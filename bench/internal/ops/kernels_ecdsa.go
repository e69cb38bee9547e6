package ops

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/nistec"
	"asynccrypto/internal/measure"
)

// ecdsaSigner draws nonces, signs, and verifies each signature.
type ecdsaSigner struct {
	curve        *nistec.Curve
	work         *nistec.Workspace
	keys         []*nistec.PrivateKey
	ops          []*keyed
	hedged       bool
	nonces, r, s [ifma.Lanes][]byte
}

func newECDSASigner(c *nistec.Curve, keys []*keyed, hedged bool) (*ecdsaSigner, error) {
	s := &ecdsaSigner{curve: c, ops: keys, hedged: hedged}
	var err error
	if s.work, err = c.NewWorkspace(); err != nil {
		return nil, err
	}
	for _, k := range keys {
		x, y, err := coordinates(c, k)
		if err != nil {
			return nil, err
		}
		public, err := c.NewPublicKey(x, y, false)
		if err != nil {
			return nil, err
		}
		d, err := k.key.(*ecdsa.PrivateKey).Bytes()
		if err != nil {
			return nil, err
		}
		key, err := c.NewPrivateKey(d, public)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	for l := range s.nonces {
		s.nonces[l], s.r[l], s.s[l] = make([]byte, c.Size()), make([]byte, c.Size()), make([]byte, c.Size())
	}
	return s, nil
}

// coordinates returns the public key.
func coordinates(c *nistec.Curve, k *keyed) (x, y []byte, err error) {
	point, err := k.key.(*ecdsa.PrivateKey).PublicKey.Bytes()
	if err != nil {
		return nil, nil, err
	}
	return point[1 : 1+c.Size()], point[1+c.Size():], nil
}

// batch returns signatures as crypto_mb does: two numbers of fixed length.
func (s *ecdsaSigner) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	var lanes [ifma.Lanes]*nistec.PrivateKey
	var hashes [ifma.Lanes][]byte
	hash := measure.SigningHash(s.ops[0].key.(*ecdsa.PrivateKey))
	for l, n := range numbers {
		lanes[l] = s.keys[keys[l]]
		hashes[l] = measure.Message(n, hash)
		if s.hedged {
			err = lanes[l].HedgedNonce(s.nonces[l], hashes[l])
		} else {
			err = lanes[l].DeterministicNonce(s.nonces[l], hash, hashes[l])
		}
		if err != nil {
			return results, err
		}
	}
	if s.work.Sign(&lanes, &s.nonces, &hashes, &s.r, &s.s, ifma.Lanes) != whole {
		return results, errCheck
	}
	for l := range results {
		results[l] = slices.Concat(s.r[l], s.s[l])
	}
	return results, nil
}

func (s *ecdsaSigner) verify(k *keyed, n uint64, result []byte) error {
	signature, err := asn1ECDSA(result)
	if err != nil {
		return err
	}
	return k.Verify(n, signature)
}

// asn1ECDSA returns a signature of two numbers as ASN.1.
func asn1ECDSA(raw []byte) ([]byte, error) {
	size := len(raw) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])})
}

// ecdsaVerifier verifies with prepared keys, or with points.
type ecdsaVerifier struct {
	ordinary
	work       *nistec.Workspace
	keys       []*nistec.PublicKey
	points     []nistec.Point // nil to verify with the keys
	signatures []*measure.Signatures
	parsed     [][signaturesOfKey][2][]byte // of each key: r and s
}

func newECDSAVerifier(c *nistec.Curve, keys []*keyed, anyKey bool) (*ecdsaVerifier, error) {
	v := new(ecdsaVerifier)
	var err error
	if v.work, err = c.NewWorkspace(); err != nil {
		return nil, err
	}
	for _, k := range keys {
		x, y, err := coordinates(c, k)
		if err != nil {
			return nil, err
		}
		if anyKey {
			v.points = append(v.points, nistec.Point{X: x, Y: y})
		}
		key, err := c.NewPublicKey(x, y, false)
		if err != nil {
			return nil, err
		}
		var parsed [signaturesOfKey][2][]byte
		for i := range parsed {
			_, signature := k.signatures.Input(uint64(i))
			r, s, err := rawECDSA(c.Size(), signature)
			if err != nil {
				return nil, err
			}
			parsed[i] = [2][]byte{r, s}
		}
		v.keys, v.signatures, v.parsed = append(v.keys, key), append(v.signatures, k.signatures), append(v.parsed, parsed)
	}
	return v, nil
}

// rawECDSA returns the two numbers of a signature, each of a size.
func rawECDSA(size int, signature []byte) (r, s []byte, err error) {
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &numbers); err != nil {
		return nil, nil, err
	}
	return numbers.R.FillBytes(make([]byte, size)), numbers.S.FillBytes(make([]byte, size)), nil
}

func (v *ecdsaVerifier) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	var lanes [ifma.Lanes]*nistec.PublicKey
	var points [ifma.Lanes]nistec.Point
	var hashes, r, s [ifma.Lanes][]byte
	for l, n := range numbers {
		k := keys[l]
		hashes[l], _ = v.signatures[k].Input(n)
		parsed := v.parsed[k][n%signaturesOfKey]
		r[l], s[l] = parsed[0], parsed[1]
		lanes[l] = v.keys[k]
		if v.points != nil {
			points[l] = v.points[k]
		}
	}
	var valid, redo uint8
	if v.points == nil {
		valid, redo = v.work.Verify(&lanes, &hashes, &r, &s, ifma.Lanes)
	} else {
		valid, redo = v.work.VerifyAny(&points, &hashes, &r, &s, ifma.Lanes)
	}
	if redo != 0 {
		return results, fmt.Errorf("the kernels leave an ordinary signature to others: lanes %08b", redo)
	}
	return found(valid, &hashes), nil
}
