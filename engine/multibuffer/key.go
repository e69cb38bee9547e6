package multibuffer

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"

	"asynccrypto/internal/ifma"
)

// prepare makes a copy of a private key for the kernels. A key that the kernels do not accept, or
// of another kind, gets none and is left to the standard library. prepare refuses an invalid RSA
// key, because a signature with it could give its primes away.
func prepare(key crypto.PrivateKey) (prepared any, wipe func(), err error) {
	k, ok := key.(*rsa.PrivateKey)
	if !ok || k == nil {
		return nil, nil, nil
	}
	if err := k.Validate(); err != nil {
		return nil, nil, err
	}
	if len(k.Primes) != 2 {
		return nil, nil, nil
	}
	pre := k.Precomputed
	if pre.Dp == nil || pre.Dq == nil || pre.Qinv == nil {
		precomputed := *k // the caller's key stays as it is
		precomputed.Precompute()
		pre = precomputed.Precomputed
	}
	// math/big sees the secrets once for each key, as it does in crypto/rsa's own preparation.
	// FillBytes copies words; its time depends only on their number.
	size := k.Size()
	secret := make([]byte, 5*size)
	defer clear(secret)
	field := func(i int) []byte { return secret[i*size : (i+1)*size] }
	lanes, err := ifma.NewKey(k.N.Bytes(), k.E,
		k.Primes[0].FillBytes(field(0)), k.Primes[1].FillBytes(field(1)),
		pre.Dp.FillBytes(field(2)), pre.Dq.FillBytes(field(3)), pre.Qinv.FillBytes(field(4)))
	switch {
	case errors.Is(err, ifma.ErrKeySize), errors.Is(err, ifma.ErrUnsupported):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("multibuffer: %w", err)
	}
	return lanes, lanes.Wipe, nil
}

// check refuses the keys that prepare refuses, on a machine without kernels: the CPU must not
// decide which keys a program can use. crypto/rsa itself signs with a key that was changed after
// it was precomputed.
func check(key crypto.PrivateKey) (prepared any, wipe func(), err error) {
	if k, ok := key.(*rsa.PrivateKey); ok && k != nil {
		err = k.Validate()
	}
	return nil, nil, err
}
