package jwx_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/jws/jwstest"
	asyncjwx "asynccrypto/interop/jwx"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// other counts the verifications that go to a verifier that was registered before.
type other struct {
	jws.Verifier2
	verified *int
}

func (o other) Verify(key any, payload, sig []byte) error {
	*o.verified++
	return o.Verifier2.Verify(key, payload, sig)
}

var others int

func TestMain(m *testing.M) {
	before, err := jws.VerifierFor(jwa.ES512())
	if err == nil {
		err = jws.RegisterVerifier(jwa.ES512(), other{before, &others})
	}
	for range 2 { // the second time changes nothing
		err = errors.Join(err, asyncjwx.Register())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run()
}

func algorithm(t testing.TB, name string) jwa.SignatureAlgorithm {
	t.Helper()
	alg, ok := jwa.LookupSignatureAlgorithm(name)
	if !ok {
		t.Fatalf("jwx has no algorithm %s", name)
	}
	return alg
}

func sign(t testing.TB, alg string, key any) []byte {
	t.Helper()
	claims, err := jwt.NewBuilder().Subject("alice").Build()
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Sign(claims, jwt.WithKey(algorithm(t, alg), key))
	if err != nil {
		t.Fatalf("%s: %v", alg, err)
	}
	return token
}

func verify(token []byte, alg jwa.SignatureAlgorithm, key any) error {
	_, err := jwt.Parse(token, jwt.WithKey(alg, key), jwt.WithSubject("alice"))
	return err
}

// plain signs with the plain key.
func plain(t testing.TB, alg, name string) []byte { return sign(t, alg, jwstest.Key(name)) }

// algorithms are those of the other libraries, and EdDSA's newer name.
func algorithms(yield func(string, string) bool) {
	for alg, name := range jwstest.Algorithms() {
		if !yield(alg, name) {
			return
		}
	}
	yield("Ed25519", "Ed25519")
}

// TestTokens signs with each algorithm and key, and has jwx and a wrapped key verify the token.
func TestTokens(t *testing.T) {
	for alg, name := range algorithms {
		t.Run(alg+"/"+name, func(t *testing.T) {
			signer, verifier := jwstest.Wrap(t, name)
			for by, token := range map[string][]byte{
				"wrapped key": sign(t, alg, signer), "bound key": sign(t, alg, signer.WithContext(t.Context())), "plain key": plain(t, alg, name),
			} {
				for to, key := range map[string]any{
					"plain key": jwstest.Key(name).Public(), "wrapped key": verifier, "bound key": verifier.WithContext(t.Context()),
				} {
					if err := verify(token, algorithm(t, alg), key); err != nil {
						t.Errorf("the %s refuses the token of the %s: %v", to, by, err)
					}
				}
			}
		})
	}
}

// TestInvalid has the wrapped key and jwx judge signatures that are wrong in many ways.
func TestInvalid(t *testing.T) {
	text := []byte("header.claims")
	for alg, name := range algorithms {
		signer, wrapped := jwstest.Wrap(t, name)
		s, err := jws.SignerFor(algorithm(t, alg))
		if err != nil {
			t.Fatal(err)
		}
		v, err := jws.VerifierFor(algorithm(t, alg))
		if err != nil {
			t.Fatal(err)
		}
		good, err := s.Sign(signer, text)
		if err != nil {
			t.Fatal(err)
		}
		for what, sig := range jwstest.Invalid(good) {
			if err := v.Verify(wrapped, text, sig); !errors.Is(err, engine.ErrVerification) {
				t.Errorf("%s, %s, %s: %v", alg, name, what, err)
			}
			if err := v.Verify(jwstest.Key(name).Public(), text, sig); err == nil {
				t.Errorf("%s, %s, %s: jwx accepts it", alg, name, what)
			}
		}
		token := sign(t, alg, signer)
		token[slices.Index(token, '.')+5] ^= 1
		if err := verify(token, algorithm(t, alg), wrapped); !errors.Is(err, jws.VerificationError()) || !errors.Is(err, engine.ErrVerification) {
			t.Errorf("%s, %s, other claims: %v", alg, name, err)
		}
	}
}

// TestOtherKeys holds that a wrapped key is used for no algorithm but its own, neither by a
// program's mistake nor because a token says so.
func TestOtherKeys(t *testing.T) {
	for _, name := range jwstest.Names {
		signer, verifier := jwstest.Wrap(t, name)
		for _, alg := range jwa.SignatureAlgorithms() {
			if alg == jwa.NoSignature() || jwstest.Fits(alg.String(), name) || alg.String() == "Ed25519" && name == "Ed25519" {
				continue
			}
			if token, err := jws.Sign([]byte("payload"), jws.WithKey(alg, signer)); err == nil {
				t.Errorf("%s signs %s: %s", name, alg, token)
			}
			token, err := jws.Sign([]byte("payload"), jws.WithKey(jwa.HS256(), []byte("secret")))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jws.Verify(token, jws.WithKey(alg, verifier)); err == nil || errors.Is(err, engine.ErrVerification) {
				t.Errorf("%s verifies %s: %v", name, alg, err)
			}
		}
		// jwx verifies by the algorithm that the program names, not by the one in the token's header.
		forged, err := jws.Sign([]byte("payload"), jws.WithKey(jwa.HS256(), []byte(name)))
		if err != nil {
			t.Fatal(err)
		}
		for alg := range algorithms {
			if _, err := jws.Verify(forged, jws.WithKey(algorithm(t, alg), verifier)); err == nil {
				t.Errorf("%s accepts a token of HS256 as %s", name, alg)
			}
		}
	}
}

// TestPlainKeys holds that keys that are not wrapped go to the signers and verifiers that were
// there before.
func TestPlainKeys(t *testing.T) {
	before := others
	for alg, name := range algorithms {
		token := plain(t, alg, name)
		if err := verify(token, algorithm(t, alg), jwstest.Key(name).Public()); err != nil {
			t.Errorf("%s, %s: %v", alg, name, err)
		}
		for _, key := range []any{nil, "no key", []byte("secret")} {
			if err := verify(token, algorithm(t, alg), key); err == nil {
				t.Errorf("%s, %s: verified with %T", alg, name, key)
			}
		}
	}
	if others == before {
		t.Error("the verifier that was registered before is not asked any more")
	}
	secret := []byte("secret")
	if err := verify(sign(t, "HS256", secret), jwa.HS256(), secret); err != nil {
		t.Error("HS256:", err)
	}
	// A key of somebody else's, which jwx takes without our help.
	type remote struct{ crypto.Signer }
	if err := verify(sign(t, "ES256", remote{jwstest.Key("P-256")}), jwa.ES256(), jwstest.Key("P-256").Public()); err != nil {
		t.Error("a remote key:", err)
	}
}

// TestNotComputed holds that a verification that did not happen is not called an invalid signature.
func TestNotComputed(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for alg, name := range algorithms {
		signer, verifier := jwstest.Wrap(t, name)
		token := sign(t, alg, signer)
		if err := verify(token, algorithm(t, alg), verifier.WithContext(ctx)); !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrVerification) {
			t.Errorf("%s, cancelled: %v", alg, err)
		}
		if _, err := jws.Sign(nil, jws.WithKey(algorithm(t, alg), signer.WithContext(ctx))); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", alg, err)
		}
		verifier.Close()
		if err := verify(token, algorithm(t, alg), verifier); !errors.Is(err, engine.ErrClosed) || errors.Is(err, engine.ErrVerification) {
			t.Errorf("%s, closed: %v", alg, err)
		}
	}
}
