package side

import (
	"crypto"
	"crypto/ecdsa"
	"time"
)

// turn signs one after another for that long, and verifies the signatures.
func turn(key crypto.Signer, public *ecdsa.PublicKey, d time.Duration) (a Account, err error) {
	r := new(record)
	first, err := now()
	if err != nil {
		return a, err
	}
	begun := time.Now()
	for time.Since(begun) < d {
		digest := r.digest()
		signature, err := key.Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			return a, err
		}
		r.add(signature)
	}
	took := time.Since(begun)
	last, err := now()
	if err != nil {
		return a, err
	}
	a = first.until(last)
	a.Done, a.Time = r.count, took
	return a, verify(public, []*record{r})
}
