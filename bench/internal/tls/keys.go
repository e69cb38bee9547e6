package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	"asynccrypto/bench/internal/programs"
)

// keys are the two keys that all servers use.
type keys struct {
	rsa2048, p256 programs.Key
}

// newKeys makes both keys.
func newKeys() (k keys, err error) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return k, err
	}
	if k.rsa2048, err = programs.SelfSigned(r); err != nil {
		return k, err
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, err
	}
	k.p256, err = programs.SelfSigned(e)
	return k, err
}
