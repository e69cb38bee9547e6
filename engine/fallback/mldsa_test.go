//go:build go1.27

package fallback_test

import (
	"crypto"
	"crypto/mldsa"
	"testing"
)

// newMLDSAKey returns nil if the FIPS 140-3 module has no ML-DSA.
func newMLDSAKey(*testing.T) crypto.Signer {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		return nil
	}
	return key
}
