//go:build !go1.27

package keyserver

import "crypto"

// Before Go 1.27 the standard library has no ML-DSA, so no key of a server is one.

func isMLDSA(crypto.PublicKey) bool { return false }

func mldsaOptions(string) crypto.SignerOpts { return crypto.Hash(0) }
