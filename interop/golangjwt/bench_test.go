package golangjwt_test

import (
	"testing"
	"time"

	"asynccrypto/internal/jws/jwstest"
	"asynccrypto/interop/golangjwt"

	"github.com/golang-jwt/jwt/v5"
)

func claims() jwt.RegisteredClaims {
	return jwt.RegisteredClaims{
		Issuer: "https://issuer.example", Subject: "alice", Audience: jwt.ClaimStrings{"https://api.example"},
		IssuedAt: jwt.NewNumericDate(time.Now()), ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}
}

// method returns our method of that name and golang-jwt's.
func method(alg string) (ours, theirs jwt.SigningMethod) {
	for _, m := range methods {
		if m.ours.Alg() == alg {
			return m.ours, m.theirs
		}
	}
	return nil, nil
}

// BenchmarkParse measures the whole of jwt.Parse, with golang-jwt alone and with wrapped keys:
//
//	go test -bench . -cpu 1
func BenchmarkParse(b *testing.B) {
	for _, bm := range jwstest.Benchmarks {
		b.Run(bm.Name, func(b *testing.B) {
			_, theirs := method(bm.Alg)
			_, verifier := jwstest.Wrap(b, bm.Key)
			token, err := jwt.NewWithClaims(theirs, claims()).SignedString(jwstest.Key(bm.Key))
			if err != nil {
				b.Fatal(err)
			}
			valid := jwt.WithValidMethods([]string{bm.Alg})
			parse := func(keys jwt.Keyfunc) func() error {
				return func() error {
					_, err := jwt.ParseWithClaims(token, new(jwt.RegisteredClaims), keys, valid)
					return err
				}
			}
			jwstest.Compare(b, parse(always(jwstest.Key(bm.Key).Public())), parse(golangjwt.Keyfunc(always(verifier))))
		})
	}
}

// BenchmarkSign measures the whole of SignedString in the same way.
func BenchmarkSign(b *testing.B) {
	for _, bm := range jwstest.Benchmarks {
		b.Run(bm.Name, func(b *testing.B) {
			ours, theirs := method(bm.Alg)
			signer, _ := jwstest.Wrap(b, bm.Key)
			issue := func(m jwt.SigningMethod, key any) func() error {
				return func() error {
					_, err := jwt.NewWithClaims(m, claims()).SignedString(key)
					return err
				}
			}
			jwstest.Compare(b, issue(theirs, jwstest.Key(bm.Key)), issue(ours, signer))
		})
	}
}
