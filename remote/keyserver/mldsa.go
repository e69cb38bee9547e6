//go:build go1.27

package keyserver

import (
	"crypto"
	"crypto/mldsa"
)

func isMLDSA(pub crypto.PublicKey) bool {
	_, ok := pub.(*mldsa.PublicKey)
	return ok
}

func mldsaOptions(context string) crypto.SignerOpts { return &mldsa.Options{Context: context} }
