package ops

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/curve25519"
	"asynccrypto/internal/measure"
)

// ed25519Signer signs, and verifies each signature.
type ed25519Signer struct {
	ordinary
	work *curve25519.Workspace
	keys []*curve25519.PrivateKey
}

func newEd25519Signer(keys []*keyed) (*ed25519Signer, error) {
	s := new(ed25519Signer)
	var err error
	if s.work, err = curve25519.NewWorkspace(); err != nil {
		return nil, err
	}
	for _, k := range keys {
		private := k.key.(ed25519.PrivateKey)
		key, err := curve25519.NewPrivateKey(private.Seed(), private[32:], false)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

func (s *ed25519Signer) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	var lanes [ifma.Lanes]*curve25519.PrivateKey
	var doms, messages [ifma.Lanes][]byte
	for l, n := range numbers {
		lanes[l], messages[l] = s.keys[keys[l]], measure.Message(n, crypto.Hash(0))
		results[l] = make([]byte, ed25519.SignatureSize)
	}
	if s.work.Sign(&lanes, &doms, &messages, &results, ifma.Lanes) != whole {
		return results, errCheck
	}
	return results, nil
}

// ed25519Verifier verifies with prepared keys, or with keys as they are.
type ed25519Verifier struct {
	ordinary
	work       *curve25519.Workspace
	keys       []*curve25519.PublicKey
	any        [][]byte // nil to verify with the keys
	signatures []*measure.Signatures
}

func newEd25519Verifier(keys []*keyed, anyKey bool) (*ed25519Verifier, error) {
	v := new(ed25519Verifier)
	var err error
	if v.work, err = curve25519.NewWorkspace(); err != nil {
		return nil, err
	}
	for _, k := range keys {
		key, err := curve25519.NewPublicKey(k.signatures.Public.(ed25519.PublicKey), false)
		if err != nil {
			return nil, err
		}
		v.keys, v.signatures = append(v.keys, key), append(v.signatures, k.signatures)
		if anyKey {
			v.any = append(v.any, k.signatures.Public.(ed25519.PublicKey))
		}
	}
	return v, nil
}

func (v *ed25519Verifier) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	var lanes [ifma.Lanes]*curve25519.PublicKey
	var publics, doms, messages, signatures [ifma.Lanes][]byte
	for l, n := range numbers {
		k := keys[l]
		lanes[l] = v.keys[k]
		messages[l], signatures[l] = v.signatures[k].Input(n)
		if v.any != nil {
			publics[l] = v.any[k]
		}
	}
	if v.any == nil {
		return found(v.work.Verify(&lanes, &doms, &messages, &signatures, ifma.Lanes), &messages), nil
	}
	return found(v.work.VerifyAny(&publics, &doms, &messages, &signatures, ifma.Lanes), &messages), nil
}

// x25519 agrees on secrets with the peers of a key, or generates keys.
type x25519 struct {
	ordinary
	work    *curve25519.Workspace
	keys    []*keyed // nil to generate keys
	scalars [][]byte
}

func newX25519(keys []*keyed) (*x25519, error) {
	x := &x25519{keys: keys}
	var err error
	if x.work, err = curve25519.NewWorkspace(); err != nil {
		return nil, err
	}
	for _, k := range keys {
		x.scalars = append(x.scalars, k.key.(*ecdh.PrivateKey).Bytes())
	}
	return x, nil
}

func (x *x25519) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	const size = 32
	var scalars, points, out [ifma.Lanes][]byte
	if x.keys == nil {
		for l := range results {
			results[l] = make([]byte, 2*size)
			scalars[l], out[l] = results[l][:size:size], results[l][size:]
			rand.Read(scalars[l])
		}
		if x.work.BasePoint(&out, &scalars, ifma.Lanes) != whole {
			return results, errCheck
		}
		return results, nil
	}
	for l, n := range numbers {
		k := keys[l]
		scalars[l], points[l] = x.scalars[k], x.keys[k].agreement.Peer(n).Bytes()
		results[l] = make([]byte, size)
	}
	if x.work.X25519(&results, &scalars, &points, ifma.Lanes) != whole {
		return results, errCheck
	}
	return results, nil
}
