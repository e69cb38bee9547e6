package interop

import (
	"crypto"
	"fmt"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/jws/jwstest"
	"asynccrypto/interop/golangjwt"
	asyncjose "asynccrypto/interop/jose"
	asyncjwx "asynccrypto/interop/jwx"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// library makes and verifies tokens. The keys are wrapped ones or plain ones.
type library struct {
	name   string
	sign   func(alg string, key crypto.Signer) (string, error)
	verify func(alg, token string, key any) error
}

var golangJWT = library{"golang-jwt",
	func(alg string, key crypto.Signer) (string, error) {
		return jwt.New(jwt.GetSigningMethod(alg)).SignedString(key)
	},
	func(alg, token string, key any) error {
		_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{alg}))
		return err
	},
}

var goJOSE = library{"go-jose",
	func(alg string, key crypto.Signer) (string, error) {
		var signingKey any = key
		if _, ok := key.(engine.Signer); ok {
			signingKey = asyncjose.Signer(key)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: signingKey}, nil)
		if err != nil {
			return "", err
		}
		object, err := signer.Sign([]byte("{}"))
		if err != nil {
			return "", err
		}
		return object.CompactSerialize()
	},
	func(alg, token string, key any) error {
		if wrapped, ok := key.(engine.Verifier); ok {
			key = asyncjose.NewVerifier(wrapped)
		}
		object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			return err
		}
		_, err = object.Verify(key)
		return err
	},
}

var jwx = library{"jwx",
	func(alg string, key crypto.Signer) (string, error) {
		id, ok := jwa.LookupSignatureAlgorithm(alg)
		if !ok {
			return "", fmt.Errorf("jwx has no algorithm %s", alg)
		}
		token, err := jws.Sign([]byte("{}"), jws.WithKey(id, key))
		return string(token), err
	},
	func(alg, token string, key any) error {
		id, ok := jwa.LookupSignatureAlgorithm(alg)
		if !ok {
			return fmt.Errorf("jwx has no algorithm %s", alg)
		}
		_, err := jws.Verify([]byte(token), jws.WithKey(id, key), jws.WithAlgorithmMatch(true))
		return err
	},
}

// TestTokens has each of three libraries make a token with each algorithm and key, wrapped and
// plain, and each of them verify it, with the wrapped key and the plain one.
func TestTokens(t *testing.T) {
	golangjwt.Register()
	if err := asyncjwx.Register(); err != nil {
		t.Fatal(err)
	}
	libraries := []library{golangJWT, goJOSE, jwx}
	for alg, name := range jwstest.Algorithms() {
		signer, verifier := jwstest.Wrap(t, name)
		for _, from := range libraries {
			for _, key := range []crypto.Signer{signer, jwstest.Key(name)} {
				token, err := from.sign(alg, key)
				if err != nil {
					t.Errorf("%s, %s, %s signs with a %T: %v", alg, name, from.name, key, err)
					continue
				}
				for _, to := range libraries {
					for _, public := range []any{verifier, jwstest.Key(name).Public()} {
						if err := to.verify(alg, token, public); err != nil {
							t.Errorf("%s, %s: %s made this with a %T, and %s refuses it with a %T: %v\n%s", alg, name, from.name, key, to.name, public, err, token)
						}
					}
				}
			}
		}
	}
}
