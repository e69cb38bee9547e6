package interop

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	_ "golang.org/x/crypto/blake2b"
	_ "golang.org/x/crypto/blake2s"
	_ "golang.org/x/crypto/ripemd160" //lint:ignore SA1019 crypto/rsa takes it
)

// TestHashes uses PSS with the hash functions that package crypto names and the standard library
// does not have. crypto/rsa takes them from the packages that register them, so the lanes must
// too.
func TestHashes(t *testing.T) {
	for bits, key := range keys() {
		signer := wrap(t, key)
		for _, h := range []crypto.Hash{crypto.RIPEMD160, crypto.BLAKE2s_256, crypto.BLAKE2b_256, crypto.BLAKE2b_384, crypto.BLAKE2b_512} {
			for _, salt := range []int{rsa.PSSSaltLengthAuto, rsa.PSSSaltLengthEqualsHash, 1} {
				throughLanes(t, 1, func() {
					digest := make([]byte, h.Size())
					rand.Read(digest)
					sig, err := signer.Sign(rand.Reader, digest, &rsa.PSSOptions{Hash: h, SaltLength: salt})
					if err == nil {
						err = rsa.VerifyPSS(&key.PublicKey, h, digest, sig, &rsa.PSSOptions{SaltLength: salt})
					}
					if err != nil {
						t.Errorf("%d bits, %v, salt length %d: %v", bits, h, salt, err)
					}
				})
			}
		}
	}
}
