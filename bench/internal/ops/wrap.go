package ops

import (
	"crypto"
	"crypto/ecdh"
)

// wrapping returns the wrapping of the keys for their operation. It has no result to verify.
func (w *worker) wrapping(keys []*keyed) []*keyed {
	all := make([]*keyed, len(keys))
	for i, k := range keys {
		op := *k.Operation
		op.Direct = func(uint64) ([]byte, error) { return nil, w.wrap(k) }
		op.Verify = func(uint64, []byte) error { return nil }
		all[i] = &keyed{Operation: &op}
	}
	return all
}

// wrap wraps a key, and closes the result.
func (w *worker) wrap(k *keyed) error {
	var wrapped interface{ Close() error }
	var err error
	switch key := k.key.(type) {
	case *ecdh.PrivateKey:
		wrapped, err = w.e.KeyExchanger(key)
	case crypto.Signer:
		if k.signatures != nil {
			wrapped, err = w.e.Verifier(key.Public())
		} else {
			wrapped, err = w.e.Signer(key)
		}
	}
	if err != nil {
		return err
	}
	return wrapped.Close()
}
