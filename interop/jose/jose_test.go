package jose_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/jws"
	"asynccrypto/internal/jws/jwstest"
	asyncjose "asynccrypto/interop/jose"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var all = func() (algs []jose.SignatureAlgorithm) {
	for _, alg := range jws.Algorithms {
		algs = append(algs, jose.SignatureAlgorithm(alg.Name))
	}
	return algs
}()

func sign(t testing.TB, alg string, key any) string {
	t.Helper()
	issuer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, nil)
	if err != nil {
		t.Fatalf("%s: %v", alg, err)
	}
	token, err := jwt.Signed(issuer).Claims(jwt.Claims{Subject: "alice"}).Serialize()
	if err != nil {
		t.Fatalf("%s: %v", alg, err)
	}
	return token
}

func verify(token string, key any) error {
	parsed, err := jwt.ParseSigned(token, all)
	if err != nil {
		return err
	}
	var claims jwt.Claims
	if err := parsed.Claims(key, &claims); err != nil {
		return err
	}
	return claims.Validate(jwt.Expected{Subject: "alice"})
}

// TestTokens signs with each algorithm and key, and has go-jose and a wrapped key verify the token.
func TestTokens(t *testing.T) {
	for alg, name := range jwstest.Algorithms() {
		t.Run(alg+"/"+name, func(t *testing.T) {
			key := jwstest.Key(name)
			signer, wrapped := jwstest.Wrap(t, name)
			verifier := asyncjose.NewVerifier(wrapped)
			for by, token := range map[string]string{
				"wrapped key":     sign(t, alg, asyncjose.Signer(signer)),
				"key in a JWK":    sign(t, alg, jose.JSONWebKey{Key: asyncjose.Signer(signer), KeyID: "1"}),
				"bound key":       sign(t, alg, asyncjose.Signer(signer.WithContext(t.Context()))),
				"other signer":    sign(t, alg, asyncjose.Signer(key)),
				"go-jose's plain": sign(t, alg, key),
			} {
				for to, public := range map[string]any{
					"the plain key":         key.Public(),
					"the wrapped key":       verifier,
					"the bound key":         verifier.WithContext(t.Context()),
					"the wrapped key's JWK": jose.JSONWebKey{Key: verifier},
				} {
					if err := verify(token, public); err != nil {
						t.Errorf("%s refuses the token of the %s: %v", to, by, err)
					}
				}
			}
			if err := verifier.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSalt holds that the salt of RSA-PSS is as long as the hash.
func TestSalt(t *testing.T) {
	signer, _ := jwstest.Wrap(t, "RSA-2048")
	public := jwstest.Key("RSA-2048").Public().(*rsa.PublicKey)
	for alg, hash := range map[string]crypto.Hash{"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512} {
		token := sign(t, alg, asyncjose.Signer(signer))
		text, encoded := token[:strings.LastIndex(token, ".")], token[strings.LastIndex(token, ".")+1:]
		sig, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		h := hash.New()
		h.Write([]byte(text))
		if err := rsa.VerifyPSS(public, hash, h.Sum(nil), sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// TestInvalid has the wrapped key and go-jose judge signatures that are wrong in many ways.
func TestInvalid(t *testing.T) {
	for alg, name := range jwstest.Algorithms() {
		_, wrapped := jwstest.Wrap(t, name)
		verifier := asyncjose.NewVerifier(wrapped)
		object, err := jose.ParseSignedCompact(sign(t, alg, jwstest.Key(name)), all)
		if err != nil {
			t.Fatal(err)
		}
		for what, sig := range jwstest.Invalid(object.Signatures[0].Signature) {
			object.Signatures[0].Signature = sig
			if _, err := object.Verify(verifier); !errors.Is(err, jose.ErrCryptoFailure) {
				t.Errorf("%s, %s, %s: %v", alg, name, what, err)
			}
			if _, err := object.Verify(jwstest.Key(name).Public()); err == nil {
				t.Errorf("%s, %s, %s: go-jose accepts it", alg, name, what)
			}
		}
		if err := verifier.Err(); err != nil {
			t.Errorf("%s, %s: an invalid signature is no failure of the engine: %v", alg, name, err)
		}
	}
}

// TestOtherKeys holds that a token cannot choose how a key is used.
func TestOtherKeys(t *testing.T) {
	for _, name := range jwstest.Names {
		signer, wrapped := jwstest.Wrap(t, name)
		opaque, verifier := asyncjose.Signer(signer), asyncjose.NewVerifier(wrapped)
		for _, alg := range append(slices.Clone(all), jose.HS256, "none", "") {
			if jws.Lookup(string(alg)) != nil && jwstest.Fits(string(alg), name) {
				if !slices.Contains(opaque.Algs(), alg) {
					t.Errorf("%s is not for %s", name, alg)
				}
				continue
			}
			if _, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: opaque}, nil); !errors.Is(err, jose.ErrUnsupportedAlgorithm) {
				t.Errorf("%s signs %s: %v", name, alg, err)
			}
			if _, err := opaque.SignPayload(nil, alg); !errors.Is(err, jose.ErrUnsupportedAlgorithm) {
				t.Errorf("%s signs %s: %v", name, alg, err)
			}
			if err := verifier.VerifyPayload(nil, nil, alg); !errors.Is(err, jose.ErrUnsupportedAlgorithm) || verifier.Err() != nil {
				t.Errorf("%s verifies %s: %v, %v", name, alg, err, verifier.Err())
			}
		}
	}
}

// TestNotComputed holds that a verification that did not happen can be told from an invalid
// signature, which go-jose's own error cannot.
func TestNotComputed(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for alg, name := range jwstest.Algorithms() {
		signer, wrapped := jwstest.Wrap(t, name)
		verifier := asyncjose.NewVerifier(wrapped)
		token := sign(t, alg, asyncjose.Signer(signer))
		bound := verifier.WithContext(ctx)
		if err := verify(token, bound); !errors.Is(err, jose.ErrCryptoFailure) || !errors.Is(bound.Err(), context.Canceled) || errors.Is(bound.Err(), engine.ErrVerification) {
			t.Errorf("%s, cancelled: %v, %v", alg, err, bound.Err())
		}
		if err := verifier.Err(); err != nil {
			t.Errorf("%s: the error of one context is another's: %v", alg, err)
		}
		if _, err := asyncjose.Signer(signer.WithContext(ctx)).SignPayload(nil, jose.SignatureAlgorithm(alg)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", alg, err)
		}
		wrapped.Close()
		if err := verify(token, verifier); !errors.Is(err, jose.ErrCryptoFailure) || !errors.Is(verifier.Err(), engine.ErrClosed) {
			t.Errorf("%s, closed: %v, %v", alg, err, verifier.Err())
		}
	}
}
