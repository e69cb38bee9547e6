package ops

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"

	"asynccrypto/internal/ifma"
	lanersa "asynccrypto/internal/ifma/rsa"
	"asynccrypto/internal/measure"
)

// errCheck is the error of kernels whose own check has failed.
var errCheck = errors.New("the kernels' own check failed")

func (k *keyed) isRSA() bool {
	_, ok := k.key.(*rsa.PrivateKey)
	return ok
}

// rsaSigner signs, and checks each signature with the public exponent.
type rsaSigner struct {
	ordinary
	work *lanersa.Workspace
	keys []*lanersa.Key
}

func newRSASigner(keys []*keyed) (*rsaSigner, error) {
	s := new(rsaSigner)
	var err error
	if s.work, err = lanersa.NewWorkspace(keys[0].key.(*rsa.PrivateKey).Size()); err != nil {
		return nil, err
	}
	for _, one := range keys {
		k := one.key.(*rsa.PrivateKey)
		p := k.Precomputed
		key, err := lanersa.NewKey(k.N.Bytes(), k.E, k.Primes[0].Bytes(), k.Primes[1].Bytes(), p.Dp.Bytes(), p.Dq.Bytes(), p.Qinv.Bytes())
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

func (s *rsaSigner) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	var lanes [ifma.Lanes]*lanersa.Key
	for l, n := range numbers {
		lanes[l] = s.keys[keys[l]]
		results[l] = Padded(s.work.Size(), n)
	}
	if s.work.Sign(&lanes, &results, &results, ifma.Lanes) != whole {
		return results, errCheck
	}
	return results, nil
}

// rsaVerifier opens signatures, and compares them with the padded digest.
type rsaVerifier struct {
	ordinary
	work       *lanersa.PublicWorkspace
	keys       []*lanersa.PublicKey
	signatures []*measure.Signatures
	padded     [][signaturesOfKey][]byte // of each key: the digests
	opened     [ifma.Lanes][]byte
}

func newRSAVerifier(keys []*keyed) (*rsaVerifier, error) {
	v := new(rsaVerifier)
	size := keys[0].key.(*rsa.PrivateKey).Size()
	var err error
	if v.work, err = lanersa.NewPublicWorkspace(size); err != nil {
		return nil, err
	}
	for _, one := range keys {
		k := one.key.(*rsa.PrivateKey)
		key, err := lanersa.NewPublicKey(k.N.Bytes(), k.E)
		if err != nil {
			return nil, err
		}
		var padded [signaturesOfKey][]byte
		for i := range padded {
			digest, _ := one.signatures.Input(uint64(i))
			padded[i] = encode(size, digest)
		}
		v.keys, v.signatures, v.padded = append(v.keys, key), append(v.signatures, one.signatures), append(v.padded, padded)
	}
	for l := range v.opened {
		v.opened[l] = make([]byte, size)
	}
	return v, nil
}

func (v *rsaVerifier) batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error) {
	var lanes [ifma.Lanes]*lanersa.PublicKey
	var digests, signatures [ifma.Lanes][]byte
	for l, n := range numbers {
		lanes[l] = v.keys[keys[l]]
		digests[l], signatures[l] = v.signatures[keys[l]].Input(n)
	}
	valid := v.work.Open(&lanes, &signatures, &v.opened, ifma.Lanes)
	for l, n := range numbers {
		if !bytes.Equal(v.opened[l], v.padded[keys[l]][n%signaturesOfKey]) {
			valid &^= 1 << l
		}
	}
	return found(valid, &digests), nil
}

// Padded returns input n of package measure in PKCS #1 v1.5's padding for SHA-256.
func Padded(size int, n uint64) []byte { return encode(size, measure.Message(n, crypto.SHA256)) }

// encode is PKCS #1 v1.5's padding (RFC 8017, section 9.2) for SHA-256.
func encode(size int, digest []byte) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	em := make([]byte, size)
	em[1] = 1
	for i := 2; i < size-len(prefix)-len(digest)-1; i++ {
		em[i] = 0xff
	}
	copy(em[size-len(digest)-len(prefix):], prefix)
	copy(em[size-len(digest):], digest)
	return em
}
