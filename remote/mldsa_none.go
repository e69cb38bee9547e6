//go:build !go1.27

package remote

import (
	"crypto"
	"errors"
)

// mldsa is not called: this Go has no crypto/mldsa, so there is no such key.
func (a *ask) mldsa(crypto.SignerOpts) error { return errors.New("this Go has no ML-DSA") }
