package jose_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"asynccrypto/engine/multibuffer"
	asyncjose "asynccrypto/interop/jose"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	// Once, when the program starts.
	signer, err := multibuffer.Signer(key)
	if err != nil {
		log.Fatal(err)
	}
	defer signer.Close()
	issuer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: asyncjose.Signer(signer)}, nil)
	if err != nil {
		log.Fatal(err)
	}
	wrapped, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	defer wrapped.Close()
	verifier := asyncjose.NewVerifier(wrapped)

	// For each token that is issued.
	text, err := jwt.Signed(issuer).Claims(jwt.Claims{Subject: "alice"}).Serialize()
	if err != nil {
		log.Fatal(err)
	}

	// For each token that comes in.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the request's
	defer cancel()
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		log.Fatal(err)
	}
	var claims jwt.Claims
	bound := verifier.WithContext(ctx)
	err = token.Claims(bound, &claims)
	switch {
	case bound.Err() != nil:
		log.Fatal("nobody knows whether the token is valid: ", bound.Err())
	case err != nil:
		log.Fatal("the token is not valid: ", err)
	}
	fmt.Println(claims.Subject)
	// Output: alice
}
