package measure

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// algorithms are those that can be measured with a fresh key, by openssl's names.
var algorithms = []struct {
	name     string
	generate func() (any, error)
}{
	{"rsa2048", generateRSA(2048)},
	{"rsa3072", generateRSA(3072)},
	{"rsa4096", generateRSA(4096)},
	{"ecdsap256", func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"ecdsap384", func() (any, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }},
	{"ed25519", func() (any, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err }},
	{"ecdhx25519", func() (any, error) { return ecdh.X25519().GenerateKey(rand.Reader) }},
}

func generateRSA(bits int) func() (any, error) {
	return func() (any, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// Algorithms returns the names that [GenerateKey] knows, as "openssl speed" has them: RSA first,
// by size.
func Algorithms() []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

// GenerateKey makes a private key for an algorithm. A large RSA key may take seconds.
func GenerateKey(algorithm string) (any, error) {
	for _, a := range algorithms {
		if a.name == algorithm {
			return a.generate()
		}
	}
	return nil, fmt.Errorf("unknown algorithm %q", algorithm)
}

// KeyAlgorithm returns openssl's name for the algorithm of a private key, as in "openssl speed".
// It is empty for a key that cannot be measured.
func KeyAlgorithm(key any) string {
	switch k := key.(type) {
	case crypto.Signer:
		return publicAlgorithm(k.Public())
	case *ecdh.PrivateKey:
		if k.Curve() == ecdh.X25519() {
			return "ecdhx25519"
		}
	}
	return ""
}

// publicAlgorithm is [KeyAlgorithm] for the public key of a signing key.
func publicAlgorithm(key crypto.PublicKey) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ecdsap%d", k.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return "ed25519"
	}
	return ""
}
