// Package testkeys has the keys of the tests of module remote.
package testkeys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
)

// A key of each kind, made anew in each run. Ed25519 is always the same one.
var (
	RSA     = Must(rsa.GenerateKey(rand.Reader, 2048))
	ECDSA   = Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	Ed25519 = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
)

// Must returns v, and panics if there is an error.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// All returns the keys by the names rsa, ecdsa and ed25519. The map is the caller's.
func All() map[string]crypto.Signer {
	return map[string]crypto.Signer{"rsa": RSA, "ecdsa": ECDSA, "ed25519": Ed25519}
}
