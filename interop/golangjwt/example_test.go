package golangjwt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"asynccrypto/engine/multibuffer"
	"asynccrypto/interop/golangjwt"

	"github.com/golang-jwt/jwt/v5"
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
	verifier, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	// For each token that is issued.
	token, err := jwt.NewWithClaims(golangjwt.ES256, jwt.RegisteredClaims{Subject: "alice"}).SignedString(signer)
	if err != nil {
		log.Fatal(err)
	}

	// For each token that comes in.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the request's
	defer cancel()
	keys := golangjwt.Keyfunc(func(*jwt.Token) (any, error) { return verifier.WithContext(ctx), nil })
	var claims jwt.RegisteredClaims
	if _, err := jwt.ParseWithClaims(token, &claims, keys, jwt.WithValidMethods([]string{"ES256"})); err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject)
	// Output: alice
}

// Register is for a program whose tokens are parsed by other people's code.
func ExampleRegister() {
	golangjwt.Register() // in main

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()
	token, err := jwt.New(jwt.SigningMethodES256).SignedString(key) // a plain key signs as ever
	if err != nil {
		log.Fatal(err)
	}

	parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return verifier, nil }, jwt.WithValidMethods([]string{"ES256"}))
	fmt.Println(parsed.Valid, err)
	// Output: true <nil>
}
