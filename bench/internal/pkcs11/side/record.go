package side

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"asynccrypto/internal/measure"
)

// record keeps the signatures of one caller. They are made one after another.
type record struct {
	caller     uint64
	signatures []byte // each with its length before it
	count      uint64
}

// digest returns the digest that the caller signs next.
func (r *record) digest() [sha256.Size]byte { return digest(r.caller, r.count) }

func digest(caller, n uint64) [sha256.Size]byte {
	return sha256.Sum256(binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, caller), n))
}

// add keeps the signature of that digest.
func (r *record) add(signature []byte) {
	r.signatures = append(append(r.signatures, byte(len(signature))), signature...)
	r.count++
}

// verify verifies all signatures.
func verify(public *ecdsa.PublicKey, records []*record) error {
	type signed struct {
		digest    [sha256.Size]byte
		signature []byte
	}
	var all []signed
	for _, r := range records {
		rest := r.signatures
		for n := range r.count {
			length := int(rest[0])
			all = append(all, signed{digest(r.caller, n), rest[1 : 1+length]})
			rest = rest[1+length:]
		}
	}
	if len(all) == 0 {
		return errors.New("nothing was signed")
	}
	const noLimit = 1000 * time.Hour
	_, err := measure.Verify(len(all), func(i int) error {
		if !ecdsa.VerifyASN1(public, all[i].digest[:], all[i].signature) {
			return errors.New("a signature is not valid")
		}
		return nil
	}, noLimit)
	return err
}
