package interop

import (
	"crypto"
	"crypto/rsa"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

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
