//go:build go1.27

package pemfile

import (
	"crypto"
	"crypto/mldsa"
)

// mldsaName names an ML-DSA key, by its parameters.
func mldsaName(key crypto.PublicKey) (name string, ok bool) {
	k, ok := key.(*mldsa.PublicKey)
	if !ok {
		return "", false
	}
	return k.Parameters().String(), true
}
