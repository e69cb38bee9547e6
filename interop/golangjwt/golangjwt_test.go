package golangjwt_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/jws/jwstest"
	"asynccrypto/interop/golangjwt"

	"github.com/golang-jwt/jwt/v5"
)

var methods = []struct{ ours, theirs jwt.SigningMethod }{
	{golangjwt.RS256, jwt.SigningMethodRS256},
	{golangjwt.RS384, jwt.SigningMethodRS384},
	{golangjwt.RS512, jwt.SigningMethodRS512},
	{golangjwt.PS256, jwt.SigningMethodPS256},
	{golangjwt.PS384, jwt.SigningMethodPS384},
	{golangjwt.PS512, jwt.SigningMethodPS512},
	{golangjwt.ES256, jwt.SigningMethodES256},
	{golangjwt.ES384, jwt.SigningMethodES384},
	{golangjwt.ES512, jwt.SigningMethodES512},
	{golangjwt.EdDSA, jwt.SigningMethodEdDSA},
}

func sign(t testing.TB, m jwt.SigningMethod, key any) string {
	t.Helper()
	token, err := jwt.NewWithClaims(m, jwt.MapClaims{"sub": "alice"}).SignedString(key)
	if err != nil {
		t.Fatalf("%s: %v", m.Alg(), err)
	}
	return token
}

// parse verifies a token that is to have the algorithm alg.
func parse(token, alg string, keys jwt.Keyfunc) error {
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(token, claims, keys, jwt.WithValidMethods([]string{alg}))
	if err == nil && (!parsed.Valid || claims["sub"] != "alice") {
		return errors.New("the token is accepted, but not for alice")
	}
	return err
}

func always(key any) jwt.Keyfunc { return func(*jwt.Token) (any, error) { return key, nil } }

// TestTokens signs with each method and key of its type, and has golang-jwt's own method and the
// wrapped key verify the token, and the other way round.
func TestTokens(t *testing.T) {
	for _, m := range methods {
		for _, name := range jwstest.KeysFor(m.ours.Alg()) {
			t.Run(m.ours.Alg()+"/"+name, func(t *testing.T) {
				key, alg := jwstest.Key(name), m.ours.Alg()
				signer, verifier := jwstest.Wrap(t, name)
				for by, token := range map[string]string{"wrapped": sign(t, m.ours, signer), "plain": sign(t, m.theirs, key)} {
					if err := parse(token, alg, always(key.Public())); err != nil {
						t.Errorf("the plain key refuses the token of the %s key: %v", by, err)
					}
					if err := parse(token, alg, golangjwt.Keyfunc(always(verifier))); err != nil {
						t.Errorf("the wrapped key refuses the token of the %s key: %v", by, err)
					}
				}
			})
		}
	}
}

// TestSameToken holds that a wrapped key signs as golang-jwt does with the plain one, where a
// signature has no randomness.
func TestSameToken(t *testing.T) {
	for _, m := range methods {
		if strings.HasPrefix(m.ours.Alg(), "RS") || m.ours.Alg() == "EdDSA" {
			for _, name := range jwstest.KeysFor(m.ours.Alg()) {
				signer, _ := jwstest.Wrap(t, name)
				if got, want := sign(t, m.ours, signer), sign(t, m.theirs, jwstest.Key(name)); got != want {
					t.Errorf("%s, %s: %s, want %s", m.ours.Alg(), name, got, want)
				}
			}
		}
	}
}

// TestLanes holds that every RSA signature of a token is computed by the kernels, where there are
// any.
func TestLanes(t *testing.T) {
	ok, _ := multibuffer.Supported()
	for _, m := range methods[:6] {
		for _, name := range jwstest.KeysFor(m.ours.Alg()) {
			signer, _ := jwstest.Wrap(t, name)
			before := multibuffer.Default().Stats()
			sign(t, m.ours, signer)
			after := multibuffer.Default().Stats()
			if n := after.Vectorized - before.Vectorized; ok && n != 1 || after.Recomputed != 0 {
				t.Errorf("%s, %s: %d signatures went through the lanes, %d were wrong", m.ours.Alg(), name, n, after.Recomputed)
			}
		}
	}
}

// TestInvalid has the wrapped key and golang-jwt judge signatures that are wrong in many ways.
func TestInvalid(t *testing.T) {
	for _, m := range methods {
		name := jwstest.KeysFor(m.ours.Alg())[0]
		t.Run(m.ours.Alg(), func(t *testing.T) {
			signer, verifier := jwstest.Wrap(t, name)
			const text = "header.claims"
			good, err := m.ours.Sign(text, signer)
			if err != nil {
				t.Fatal(err)
			}
			for what, sig := range jwstest.Invalid(good) {
				theirs := m.theirs.Verify(text, sig, jwstest.Key(name).Public())
				ours := m.ours.Verify(text, sig, verifier)
				if !errors.Is(ours, engine.ErrVerification) || theirs == nil {
					t.Errorf("%s: %v, and golang-jwt says %v", what, ours, theirs)
				}
				// What a caller of golang-jwt may look for.
				for _, want := range []error{rsa.ErrVerification, jwt.ErrECDSAVerification, jwt.ErrEd25519Verification} {
					if errors.Is(theirs, want) && !errors.Is(ours, want) {
						t.Errorf("%s: %v is not the error %v", what, ours, want)
					}
				}
			}
			if err := m.ours.Verify(text+"!", good, verifier); !errors.Is(err, engine.ErrVerification) {
				t.Error("another text:", err)
			}
		})
	}
}

// TestOtherKeys holds that a token cannot choose how a key is used: each method refuses each
// wrapped key that is not its own, in both directions, and so do golang-jwt's other methods.
func TestOtherKeys(t *testing.T) {
	for _, name := range jwstest.Names {
		signer, verifier := jwstest.Wrap(t, name)
		for _, m := range methods {
			if jwstest.Fits(m.ours.Alg(), name) {
				continue
			}
			if _, err := m.ours.Sign("text", signer); !errors.Is(err, jwt.ErrInvalidKeyType) {
				t.Errorf("%s signs with %s: %v", m.ours.Alg(), name, err)
			}
			if err := m.ours.Verify("text", nil, verifier); !errors.Is(err, jwt.ErrInvalidKeyType) || errors.Is(err, engine.ErrVerification) {
				t.Errorf("%s verifies with %s: %v", m.ours.Alg(), name, err)
			}
			token := sign(t, m.theirs, jwstest.Key(jwstest.KeysFor(m.ours.Alg())[0]))
			if err := parse(token, m.theirs.Alg(), golangjwt.Keyfunc(always(verifier))); !errors.Is(err, jwt.ErrInvalidKeyType) {
				t.Errorf("a token of %s, parsed with %s: %v", m.theirs.Alg(), name, err)
			}
		}
		for _, forged := range []string{
			sign(t, jwt.SigningMethodHS256, []byte(name)),
			sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		} {
			if _, err := jwt.Parse(forged, golangjwt.Keyfunc(always(verifier))); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
				t.Errorf("%s accepts %s: %v", name, forged, err)
			}
		}
	}
	for _, m := range methods {
		for _, key := range []any{nil, "no key", []byte("secret"), (*rsa.PublicKey)(nil)} {
			if _, err := m.ours.Sign("text", key); err == nil {
				t.Errorf("%s signs with %T", m.ours.Alg(), key)
			}
		}
		if err := m.ours.Verify("text", nil, "no key"); !errors.Is(err, jwt.ErrInvalidKeyType) {
			t.Errorf("%s with no key: %v", m.ours.Alg(), err)
		}
	}
}

// TestWrongWrapper holds that the error names the wrapper that is wanted, where the other one is
// given.
func TestWrongWrapper(t *testing.T) {
	ctx := t.Context()
	for _, m := range methods {
		signer, verifier := jwstest.Wrap(t, jwstest.KeysFor(m.ours.Alg())[0])
		for _, key := range []any{verifier, verifier.WithContext(ctx)} {
			_, err := jwt.New(m.ours).SignedString(key)
			if !errors.Is(err, jwt.ErrInvalidKeyType) || !strings.Contains(err.Error(), "signs with the engine.Signer") {
				t.Errorf("%s signs with %T: %v", m.ours.Alg(), key, err)
			}
		}
		token := sign(t, m.ours, signer)
		for _, key := range []any{signer, signer.WithContext(ctx)} {
			err := parse(token, m.ours.Alg(), golangjwt.Keyfunc(always(key)))
			if !errors.Is(err, jwt.ErrInvalidKeyType) || !strings.Contains(err.Error(), "verifies with the engine.Verifier") {
				t.Errorf("%s verifies with %T: %v", m.ours.Alg(), key, err)
			}
		}
	}
}

// TestPlainKeys holds that keys that are not wrapped are golang-jwt's, also beside a wrapped one.
func TestPlainKeys(t *testing.T) {
	for _, m := range methods {
		name := jwstest.KeysFor(m.ours.Alg())[0]
		key := jwstest.Key(name)
		_, verifier := jwstest.Wrap(t, name)
		token := sign(t, m.ours, key)
		if err := parse(token, m.ours.Alg(), golangjwt.Keyfunc(always(key.Public()))); err != nil {
			t.Errorf("%s: %v", m.ours.Alg(), err)
		}
		other := jwstest.Key("Ed25519")
		if m.ours.Alg() == "EdDSA" {
			other = jwstest.Key("P-256")
		}
		set := jwt.VerificationKeySet{Keys: []jwt.VerificationKey{other.Public(), verifier, key.Public()}}
		if err := parse(token, m.ours.Alg(), golangjwt.Keyfunc(always(set))); err != nil {
			t.Errorf("%s, one of a set: %v", m.ours.Alg(), err)
		}
	}
	secret := []byte("secret")
	if err := parse(sign(t, jwt.SigningMethodHS256, secret), "HS256", golangjwt.Keyfunc(always(secret))); err != nil {
		t.Error("HS256:", err)
	}
	unknown := errors.New("unknown kid")
	_, err := jwt.Parse(sign(t, jwt.SigningMethodHS256, secret), golangjwt.Keyfunc(func(*jwt.Token) (any, error) { return nil, unknown }))
	if !errors.Is(err, unknown) {
		t.Error(err)
	}
}

// TestSalt holds that the wrapped key accepts the salts of RSA-PSS that golang-jwt accepts.
func TestSalt(t *testing.T) {
	key := jwstest.Key("RSA-2048").(*rsa.PrivateKey)
	signer, verifier := jwstest.Wrap(t, "RSA-2048")
	digest := sha256.Sum256([]byte("text"))
	strict := *jwt.SigningMethodPS256
	strict.VerifyOptions = nil // then those of signing
	register(t, "PS256", &strict)
	golangjwt.Register()
	for _, salt := range []int{1, 31, 32, 33, 222} {
		sig, err := key.Sign(rand.Reader, digest[:], &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if err := golangjwt.PS256.Verify("text", sig, verifier); err != nil {
			t.Errorf("a salt of %d bytes: %v", salt, err)
		}
		if err := jwt.GetSigningMethod("PS256").Verify("text", sig, verifier); (err == nil) != (salt == 32) {
			t.Errorf("a salt of %d bytes, where 32 are wanted: %v", salt, err)
		}
	}
	sig, err := golangjwt.PS256.Sign("text", signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := strict.Verify("text", sig, &key.PublicKey); err != nil {
		t.Error("what a wrapped key signs has another salt:", err)
	}
}

// register registers a method until the test ends.
func register(t *testing.T, alg string, m jwt.SigningMethod) {
	before := jwt.GetSigningMethod(alg)
	jwt.RegisterSigningMethod(alg, func() jwt.SigningMethod { return m })
	t.Cleanup(func() { jwt.RegisterSigningMethod(alg, func() jwt.SigningMethod { return before }) })
}

// counted is a method that somebody has registered.
type counted struct {
	jwt.SigningMethod
	verified *int
	_        []int // makes it a type that == panics for
}

func (m counted) Verify(text string, sig []byte, key any) error {
	*m.verified++
	return m.SigningMethod.Verify(text, sig, key)
}

func TestRegister(t *testing.T) {
	for _, m := range methods {
		register(t, m.theirs.Alg(), m.theirs)
	}
	verified := 0
	register(t, "RS256", counted{SigningMethod: jwt.SigningMethodRS256, verified: &verified})
	for range 2 {
		golangjwt.Register()
		for _, m := range methods {
			for _, name := range jwstest.KeysFor(m.ours.Alg()) {
				key := jwstest.Key(name)
				signer, verifier := jwstest.Wrap(t, name)
				token := sign(t, jwt.GetSigningMethod(m.ours.Alg()), signer)
				for _, public := range []any{verifier, key.Public()} {
					if err := parse(token, m.ours.Alg(), always(public)); err != nil {
						t.Errorf("%s, %s, %T: %v", m.ours.Alg(), name, public, err)
					}
				}
			}
		}
	}
	if want := 2 * len(jwstest.KeysFor("RS256")); verified != want {
		t.Errorf("the method that was registered before was asked %d times, want %d", verified, want)
	}
	secret := []byte("secret")
	if err := parse(sign(t, jwt.SigningMethodHS256, secret), "HS256", always(secret)); err != nil {
		t.Error("HS256:", err)
	}
	// A method that somebody registers later is in front again, until Register is called.
	verified = 0
	register(t, "RS256", counted{SigningMethod: jwt.SigningMethodRS256, verified: &verified})
	_, verifier := jwstest.Wrap(t, "RSA-2048")
	token := sign(t, jwt.SigningMethodRS256, jwstest.Key("RSA-2048"))
	if err := parse(token, "RS256", always(verifier)); !errors.Is(err, jwt.ErrInvalidKeyType) || verified != 1 {
		t.Errorf("%v, asked %d times", err, verified)
	}
	golangjwt.Register()
	if err := parse(token, "RS256", always(verifier)); err != nil || verified != 1 {
		t.Errorf("%v, asked %d times", err, verified)
	}
}

// TestNotComputed holds that a verification that did not happen is not called an invalid signature,
// nor a valid one.
func TestNotComputed(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, m := range methods {
		name := jwstest.KeysFor(m.ours.Alg())[0]
		key := jwstest.Key(name)
		signer, verifier := jwstest.Wrap(t, name)
		token := sign(t, m.theirs, key)
		check := func(verifier engine.Verifier, want error) {
			t.Helper()
			err := parse(token, m.theirs.Alg(), golangjwt.Keyfunc(always(verifier)))
			if !errors.Is(err, want) || errors.Is(err, engine.ErrVerification) {
				t.Errorf("%s: %v, want %v", m.ours.Alg(), err, want)
			}
		}
		check(verifier.WithContext(ctx), context.Canceled)
		if _, err := m.ours.Sign("text", signer.WithContext(ctx)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", m.ours.Alg(), err)
		}
		verifier.Close()
		check(verifier, engine.ErrClosed)
		signer.Close()
		if _, err := m.ours.Sign("text", signer); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("%s: %v", m.ours.Alg(), err)
		}
	}
}
