package interop

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// rsaMethod is the signing method of examples/jwt. A program can't be imported, so it stands here
// again.
type rsaMethod struct {
	jwt.SigningMethod
	opts crypto.SignerOpts
}

func (m rsaMethod) Sign(text string, key any) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	h := m.opts.HashFunc().New()
	h.Write([]byte(text))
	return signer.Sign(rand.Reader, h.Sum(nil), m.opts)
}

// TestJWT signs with every RSA method and size of key, in the lanes, and has golang-jwt verify
// the tokens.
func TestJWT(t *testing.T) {
	for _, m := range []rsaMethod{
		{jwt.SigningMethodRS256, crypto.SHA256},
		{jwt.SigningMethodRS384, crypto.SHA384},
		{jwt.SigningMethodRS512, crypto.SHA512},
		// RFC 7518, section 3.5: the salt is as long as the hash.
		{jwt.SigningMethodPS256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}},
		{jwt.SigningMethodPS384, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384}},
		{jwt.SigningMethodPS512, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}},
	} {
		for bits, key := range keys() {
			throughLanes(t, 1, func() {
				token, err := jwt.NewWithClaims(m, jwt.MapClaims{"sub": "alice"}).SignedString(wrap(t, key))
				if err != nil {
					t.Fatal(err)
				}
				claims := jwt.MapClaims{}
				_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
					jwt.WithValidMethods([]string{m.Alg()}))
				if err != nil || claims["sub"] != "alice" {
					t.Errorf("%s, %d bits: %v, %v", m.Alg(), bits, claims, err)
				}
			})
		}
	}
}
