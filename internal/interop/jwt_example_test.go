package interop

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"asynccrypto/engine/multibuffer"

	"github.com/golang-jwt/jwt/v5"
)

// rsaMethod is one of jwt's RSA methods, and signs with any crypto.Signer: the method's own Sign
// takes only an *rsa.PrivateKey. It is not for ES256 and its like, whose tokens encode signatures
// differently from a crypto.Signer.
type rsaMethod struct {
	jwt.SigningMethod                   // jwt.SigningMethodRS256, say: its name, and how to verify
	opts              crypto.SignerOpts // for RS256: crypto.SHA256
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

// Many goroutines issue tokens; tokens that are requested at one time are signed together.
// Verifying needs no adapter.
func Example_jwt() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := multibuffer.Signer(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer signer.Close()

	rs256 := rsaMethod{jwt.SigningMethodRS256, crypto.SHA256}
	tokens, errs := make([]string, 100), make([]error, 100)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			claims := jwt.MapClaims{"sub": fmt.Sprint("user ", i)}
			tokens[i], errs[i] = jwt.NewWithClaims(rs256, claims).SignedString(signer)
		})
	}
	wg.Wait()

	public := func(*jwt.Token) (any, error) { return &key.PublicKey, nil }
	valid := 0
	for i, token := range tokens {
		if errs[i] != nil {
			fmt.Println(errs[i])
		} else if _, err := jwt.Parse(token, public, jwt.WithValidMethods([]string{"RS256"})); err != nil {
			fmt.Println(err)
		} else {
			valid++
		}
	}
	fmt.Println(valid, "tokens")
	// Output: 100 tokens
}
