package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/interop/golangjwt"
	asyncjose "asynccrypto/interop/jose"
	asyncjwx "asynccrypto/interop/jwx"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/veraison/go-cose"
	"golang.org/x/mod/sumdb/note"
)

// door is a place in a library where a verifier goes in.
type door struct {
	module string
	use    string
	// prepare makes something signed by the key, and returns a function that has the library
	// verify it with a wrapped public key.
	prepare func(key crypto.Signer) (func(engine.Verifier) error, error)
}

var doors = []door{
	{"github.com/golang-jwt/jwt/v5", "interop/golangjwt", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		alg, err := algorithm(key, "RS256")
		if err != nil {
			return nil, err
		}
		token, err := jwt.New(jwt.GetSigningMethod(alg)).SignedString(key)
		return func(v engine.Verifier) error {
			_, err := jwt.Parse(token, golangjwt.Keyfunc(func(*jwt.Token) (any, error) { return v, nil }), jwt.WithValidMethods([]string{alg}))
			return err
		}, err
	}},
	{"github.com/go-jose/go-jose/v4", "interop/jose", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		token, err := issue(key, "{}")
		return func(v engine.Verifier) error { return verifyJOSE(token, asyncjose.NewVerifier(v)) }, err
	}},
	{"github.com/lestrrat-go/jwx/v3", "interop/jwx", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		if err := asyncjwx.Register(); err != nil {
			return nil, err
		}
		alg, err := algorithm(key, "RS256")
		if err != nil {
			return nil, err
		}
		id, ok := jwa.LookupSignatureAlgorithm(alg)
		if !ok {
			return nil, fmt.Errorf("jwx has no algorithm %s", alg)
		}
		token, err := issue(key, "{}")
		return func(v engine.Verifier) error {
			_, err := jws.Verify([]byte(token), jws.WithKey(id, v))
			return err
		}, err
	}},
	{"github.com/coreos/go-oidc/v3", "a `KeySet` of your own", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		alg, err := algorithm(key, "RS256")
		if err != nil {
			return nil, err
		}
		token, err := issue(key, fmt.Sprintf(`{"iss":"https://issuer","aud":"client","exp":%d}`, time.Now().Add(time.Hour).Unix()))
		return func(v engine.Verifier) error {
			verifier := oidc.NewVerifier("https://issuer", keySet{v}, &oidc.Config{ClientID: "client", SupportedSigningAlgs: []string{alg}})
			_, err := verifier.Verify(ctx, token)
			return err
		}, err
	}},
	{"github.com/veraison/go-cose", "a `Verifier` of your own", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		alg := coseAlgorithms[kindOf(key)]
		signer, err := cose.NewSigner(alg, key)
		if err != nil {
			return nil, err
		}
		message := cose.NewSign1Message()
		message.Payload = []byte("payload")
		message.Headers.Protected.SetAlgorithm(alg)
		err = message.Sign(rand.Reader, nil, signer)
		return func(v engine.Verifier) error { return message.Verify(nil, coseVerifier{v}) }, err
	}},
	{"github.com/secure-systems-lab/go-securesystemslib", "a `dsse.Verifier` of your own", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		signer, err := dsse.NewEnvelopeSigner(dsseKey{key})
		if err != nil {
			return nil, err
		}
		envelope, err := signer.SignPayload(ctx, "text/plain", []byte("payload"))
		return func(v engine.Verifier) error {
			verifier, err := dsse.NewEnvelopeVerifier(dsseVerifier{v})
			if err != nil {
				return err
			}
			_, err = verifier.Verify(ctx, envelope)
			return err
		}, err
	}},
	{"golang.org/x/mod", "a `note.Verifier` of your own", func(key crypto.Signer) (func(engine.Verifier) error, error) {
		text, err := note.Sign(&note.Note{Text: "text\n"}, noteKey{key})
		return func(v engine.Verifier) error {
			_, err := note.Open(text, note.VerifierList(noteVerifier{v}))
			return err
		}, err
	}},
}

// spyVerifier counts the verifications, or finds every signature invalid.
type spyVerifier struct {
	engine.Verifier
	asked atomic.Int64
	wrong bool
}

// Verify implements engine.Verifier.
func (s *spyVerifier) Verify(digest, sig []byte, opts crypto.SignerOpts) error {
	s.asked.Add(1)
	if s.wrong && len(sig) > 0 {
		sig = append([]byte(nil), sig...)
		sig[len(sig)-1] ^= 1
	}
	return s.Verifier.Verify(digest, sig, opts)
}

// verification is the outcome for a door.
type verification struct {
	door
	cells [3]string
	tells bool // the library's error tells a verification that was cancelled from an invalid signature
}

// open tries a door with each kind of key.
func open(d door) (verification, error) {
	out := verification{door: d, tells: true}
	keys, err := plainKeys()
	if err != nil {
		return out, err
	}
	for i, kind := range kinds {
		verify, err := d.prepare(keys[kind])
		if err != nil {
			return out, fmt.Errorf("%s, %s: %w", d.module, kind, err)
		}
		wrapped, err := multibuffer.Verifier(keys[kind].Public())
		if err != nil {
			return out, err
		}
		defer wrapped.Close()
		good, bad := &spyVerifier{Verifier: wrapped}, &spyVerifier{Verifier: wrapped, wrong: true}
		if err := verify(good); err != nil || good.asked.Load() != 1 {
			return out, fmt.Errorf("%s, %s: the verifier was asked %d times: %w", d.module, kind, good.asked.Load(), err)
		}
		invalid := verify(bad)
		if invalid == nil {
			return out, fmt.Errorf("%s, %s: an invalid signature is accepted", d.module, kind)
		}
		done, cancel := context.WithCancel(ctx)
		cancel()
		cancelled := verify(wrapped.WithContext(done))
		if cancelled == nil {
			return out, fmt.Errorf("%s, %s: a signature that nobody has verified is accepted", d.module, kind)
		}
		if errors.Is(cancelled, engine.ErrVerification) {
			return out, fmt.Errorf("%s, %s: cancelled is called invalid: %w", d.module, kind, cancelled)
		}
		out.tells = out.tells && errors.Is(invalid, engine.ErrVerification) && errors.Is(cancelled, context.Canceled)
		out.cells[i] = "yes"
	}
	return out, nil
}

// coseVerifier implements cose.Verifier, as users of go-cose do.
type coseVerifier struct{ key engine.Verifier }

func (v coseVerifier) Algorithm() cose.Algorithm { return coseAlgorithms[kindOf(v.key)] }
func (v coseVerifier) Verify(content, sig []byte) error {
	return verifyBy(v.key, content, sig, coseOptions[kindOf(v.key)])
}

// dsseVerifier implements dsse.Verifier, as users of go-securesystemslib do.
type dsseVerifier struct{ key engine.Verifier }

func (v dsseVerifier) KeyID() (string, error)   { return "id", nil }
func (v dsseVerifier) Public() crypto.PublicKey { return v.key.Public() }
func (v dsseVerifier) Verify(_ context.Context, data, sig []byte) error {
	return verifyBy(v.key, data, sig, messageOptions[kindOf(v.key)])
}

// noteVerifier implements note.Verifier, as users of sumdb/note do.
type noteVerifier struct{ key engine.Verifier }

func (v noteVerifier) Name() string    { return "host" }
func (v noteVerifier) KeyHash() uint32 { return 1 }
func (v noteVerifier) Verify(msg, sig []byte) bool {
	return verifyBy(v.key, msg, sig, messageOptions[kindOf(v.key)]) == nil
}

// keySet implements oidc.KeySet, as users of go-oidc do.
type keySet struct{ key engine.Verifier }

func (s keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	verifier := asyncjose.NewVerifier(s.key)
	payload, err := parseJOSE(token, verifier)
	if verifier.Err() != nil {
		return nil, verifier.Err()
	}
	return payload, err
}

// verifyBy verifies the signature of a message whose options are known. The message of Ed25519
// is not hashed.
func verifyBy(key engine.Verifier, message, sig []byte, opts crypto.SignerOpts) error {
	if hash := opts.HashFunc(); hash != 0 {
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	return key.Verify(message, sig, opts)
}
