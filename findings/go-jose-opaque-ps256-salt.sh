#!/bin/bash
# go-jose: an RSA key behind cryptosigner.Opaque makes PS256 tokens that jwx refuses.
#
# Software    github.com/go-jose/go-jose/v4 v4.1.9, cryptosigner; github.com/lestrrat-go/jwx/v3
#             v3.4.0
# Best guess  a key and the same key behind cryptosigner.Opaque make tokens of the same form
# Seen        the bare key salts with the 32 bytes that RFC 7518, section 3.5, asks for. Opaque
#             passes rsa.PSSSaltLengthAuto, which for signing means as long as fits: 222 bytes of
#             RSA-2048. go-jose verifies both, jwx only the first.
# Matters to  everybody who moves a signing key into a token, a key server or an engine: their
#             own tests pass, and verifiers elsewhere start to refuse. A wrapper can put
#             PSSSaltLengthEqualsHash in its place.
source "$(dirname "$0")/common.bash"
go_modules github.com/go-jose/go-jose/v4@v4.1.9 github.com/lestrrat-go/jwx/v3@v3.4.0

cat >main.go <<'END'
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

func main() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	try("bare key", key, &key.PublicKey)
	try("Opaque(key)", cryptosigner.Opaque(key), &key.PublicKey)
}

func try(name string, key any, public *rsa.PublicKey) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: key}, nil)
	if err != nil {
		log.Fatal(err)
	}
	object, err := signer.Sign([]byte("payload"))
	if err != nil {
		log.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		log.Fatal(err)
	}
	_, joseErr := object.Verify(public)
	_, jwxErr := jws.Verify([]byte(token), jws.WithKey(jwa.PS256(), public))
	fmt.Printf("%s: salt of %d bytes, go-jose %s, jwx %s\n",
		name, saltLength(public, token), verdict(joseErr), verdict(jwxErr))
}

func saltLength(public *rsa.PublicKey, token string) int {
	dot := strings.LastIndexByte(token, '.')
	digest := sha256.Sum256([]byte(token[:dot]))
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		log.Fatal(err)
	}
	for n := 1; n < public.Size(); n++ { // 0 would mean any length
		opts := &rsa.PSSOptions{SaltLength: n}
		if rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, opts) == nil {
			return n
		}
	}
	return 0
}

func verdict(err error) string {
	if err != nil {
		return "refuses"
	}
	return "verifies"
}
END
go run . >seen

expect "cryptosigner.Opaque makes PS256 signatures with a salt of 222 bytes, which jwx refuses" <<'END'
bare key: salt of 32 bytes, go-jose verifies, jwx verifies
Opaque(key): salt of 222 bytes, go-jose verifies, jwx refuses
END
