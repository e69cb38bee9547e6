#!/bin/bash
# fosite: an opaque signer is taken only if the public key that it names is a private one.
#
# Software    github.com/ory/fosite v0.49.0, token/jwt.DefaultSigner;
#             github.com/go-jose/go-jose/v3 v3.0.4
# Best guess  DefaultSigner has a case for jose.OpaqueSigner, so cryptosigner.Opaque of an RSA
#             key works, or wrapped keys aren't supported at all
# Seen        the case wants a *rsa.PrivateKey in Public().Key, where go-jose puts the public
#             key. Generate fails, and the error calls *rsa.PublicKey unsupported. The same
#             signer inside a jose.JSONWebKey, with the algorithm named, signs, and fosite
#             validates the token.
# Matters to  OAuth 2 and OpenID Connect servers whose key is in a token, a key server or an
#             engine. The way round is one line, and the error does not lead to it.
source "$(dirname "$0")/common.bash"
go_modules github.com/ory/fosite@v0.49.0 github.com/go-jose/go-jose/v3@v3.0.4

cat >main.go <<'END'
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log"

	"github.com/go-jose/go-jose/v3"
	"github.com/go-jose/go-jose/v3/cryptosigner"
	"github.com/ory/fosite/token/jwt"
)

func main() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	opaque := cryptosigner.Opaque(key)
	try("bare key", key)
	try("Opaque(key)", opaque)
	try("JSONWebKey of Opaque(key)", &jose.JSONWebKey{Key: opaque, Algorithm: string(jose.RS256)})
}

func try(name string, key any) {
	ctx := context.Background()
	signer := &jwt.DefaultSigner{GetPrivateKey: func(context.Context) (any, error) { return key, nil }}
	token, _, err := signer.Generate(ctx, jwt.MapClaims{"sub": "somebody"}, &jwt.Headers{})
	if err != nil {
		fmt.Printf("%s: %v\n", name, err)
		return
	}
	if _, err = signer.Validate(ctx, token); err != nil {
		fmt.Printf("%s: signs, then: %v\n", name, err)
		return
	}
	fmt.Printf("%s: signs and validates\n", name)
}
END
go run . >seen

expect "fosite refuses go-jose's opaque signer because its public key is a public key" <<'END'
bare key: signs and validates
Opaque(key): unsupported private / public key pairs: *cryptosigner.cryptoSigner, *rsa.PublicKey
JSONWebKey of Opaque(key): signs and validates
END
