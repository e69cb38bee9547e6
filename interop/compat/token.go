package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"asynccrypto/engine"
	"asynccrypto/interop/golangjwt"
	asyncjose "asynccrypto/interop/jose"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/veraison/go-cose"
	"golang.org/x/mod/sumdb/note"
)

var tokens = []check{
	{"github.com/golang-jwt/jwt/v5", "RS256, ES256, EdDSA", func(key crypto.Signer) error {
		return signJWT(key, "RS256", map[string]jwt.SigningMethod{"RS256": jwt.SigningMethodRS256, "ES256": jwt.SigningMethodES256, "EdDSA": jwt.SigningMethodEdDSA})
	}},
	{"github.com/golang-jwt/jwt/v5", "with interop/golangjwt", func(key crypto.Signer) error {
		return signJWT(key, "RS256", map[string]jwt.SigningMethod{"RS256": golangjwt.RS256, "ES256": golangjwt.ES256, "EdDSA": golangjwt.EdDSA})
	}},
	{"github.com/golang-jwt/jwt/v5", "PS256, with interop/golangjwt", func(key crypto.Signer) error {
		return signJWT(key, "PS256", map[string]jwt.SigningMethod{"PS256": golangjwt.PS256})
	}},
	{"github.com/go-jose/go-jose/v4", "RS256, ES256, EdDSA", func(key crypto.Signer) error { return signJOSE(key, "RS256", key) }},
	{"github.com/go-jose/go-jose/v4", "with cryptosigner.Opaque", func(key crypto.Signer) error {
		return signJOSE(key, "RS256", cryptosigner.Opaque(key))
	}},
	{"github.com/go-jose/go-jose/v4", "PS256, cryptosigner.Opaque", func(key crypto.Signer) error {
		return signJOSE(key, "PS256", cryptosigner.Opaque(key))
	}},
	{"github.com/go-jose/go-jose/v4", "with interop/jose", func(key crypto.Signer) error {
		return signJOSE(key, "RS256", asyncjose.Signer(key))
	}},
	{"github.com/go-jose/go-jose/v4", "PS256, with interop/jose", func(key crypto.Signer) error {
		return signJOSE(key, "PS256", asyncjose.Signer(key))
	}},
	{"github.com/lestrrat-go/jwx/v3", "jws RS256, ES256, EdDSA", func(key crypto.Signer) error { return signJWX(key, "RS256") }},
	{"github.com/lestrrat-go/jwx/v3", "jws PS256", func(key crypto.Signer) error { return signJWX(key, "PS256") }},
	{"github.com/veraison/go-cose", "NewSigner", func(key crypto.Signer) error {
		return signCOSE(key, coseAlgorithms[kindOf(key)])
	}},
	{"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign", "URLSigner", signURL},
	{"github.com/secure-systems-lab/go-securesystemslib", "dsse, Signer of your own", func(key crypto.Signer) error {
		signer, err := dsse.NewEnvelopeSigner(dsseKey{key})
		if err != nil {
			return err
		}
		envelope, err := signer.SignPayload(ctx, "text/plain", []byte("payload"))
		if err != nil {
			return err
		}
		verifier, err := dsse.NewEnvelopeVerifier(dsseKey{key})
		if err != nil {
			return err
		}
		_, err = verifier.Verify(ctx, envelope)
		return invalid(err)
	}},
	{"golang.org/x/mod", "sumdb/note, Signer of your own", func(key crypto.Signer) error {
		text, err := note.Sign(&note.Note{Text: "text\n"}, noteKey{key})
		if err != nil {
			return err
		}
		_, err = note.Open(text, note.VerifierList(noteKey{key}))
		return invalid(err)
	}},
}

func kindOf(key interface{ Public() crypto.PublicKey }) string {
	switch key.Public().(type) {
	case *rsa.PublicKey:
		return "RSA"
	case *ecdsa.PublicKey:
		return "P-256"
	}
	return "Ed25519"
}

// algorithm is the name of a JWS algorithm for the key. forRSA is that for RSA keys; if it is not
// RS256, other keys have none.
func algorithm(key crypto.Signer, forRSA string) (string, error) {
	kind := kindOf(key)
	if kind != "RSA" && forRSA != "RS256" {
		return "", errors.New("an algorithm of RSA's")
	}
	return map[string]string{"RSA": forRSA, "P-256": "ES256", "Ed25519": "EdDSA"}[kind], nil
}

// verifyStrictly verifies a token with jwx, which accepts only salts as long as the hash.
func verifyStrictly(token string, key crypto.Signer, alg string) error {
	id, ok := jwa.LookupSignatureAlgorithm(alg)
	if !ok {
		return fmt.Errorf("jwx has no algorithm %s", alg)
	}
	if _, err := jws.Verify([]byte(token), jws.WithKey(id, key.Public())); err != nil {
		return invalid(errors.New("jwx refuses the token"))
	}
	return nil
}

func signJWT(key crypto.Signer, forRSA string, methods map[string]jwt.SigningMethod) error {
	alg, err := algorithm(key, forRSA)
	if err != nil {
		return err
	}
	token, err := jwt.NewWithClaims(methods[alg], jwt.MapClaims{"sub": "alice"}).SignedString(key)
	if err != nil {
		return err
	}
	return verifyStrictly(token, key, alg)
}

func signJOSE(key crypto.Signer, forRSA string, signingKey any) error {
	alg, err := algorithm(key, forRSA)
	if err != nil {
		return err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: signingKey}, nil)
	if err != nil {
		return err
	}
	object, err := signer.Sign([]byte("payload"))
	if err != nil {
		return err
	}
	token, err := object.CompactSerialize()
	if err != nil {
		return err
	}
	return verifyStrictly(token, key, alg)
}

func signJWX(key crypto.Signer, forRSA string) error {
	alg, err := algorithm(key, forRSA)
	if err != nil {
		return err
	}
	id, ok := jwa.LookupSignatureAlgorithm(alg)
	if !ok {
		return fmt.Errorf("jwx has no algorithm %s", alg)
	}
	token, err := jws.Sign([]byte("payload"), jws.WithKey(id, key))
	if err != nil {
		return err
	}
	return invalid(verifyJOSE(string(token), key.Public()))
}

// verifyJOSE verifies a token with go-jose.
func verifyJOSE(token string, key any) error {
	_, err := parseJOSE(token, key)
	return err
}

func parseJOSE(token string, key any) ([]byte, error) {
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA})
	if err != nil {
		return nil, err
	}
	return object.Verify(key)
}

// issue makes a token with go-jose and a plain key.
func issue(key crypto.Signer, payload string) (string, error) {
	alg, err := algorithm(key, "RS256")
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, nil)
	if err != nil {
		return "", err
	}
	object, err := signer.Sign([]byte(payload))
	if err != nil {
		return "", err
	}
	return object.CompactSerialize()
}

var (
	coseAlgorithms = map[string]cose.Algorithm{"RSA": cose.AlgorithmPS256, "P-256": cose.AlgorithmES256, "Ed25519": cose.AlgorithmEdDSA}
	// coseOptions are how a key signs with these algorithms, RFC 9053 and RFC 8230.
	coseOptions = map[string]crypto.SignerOpts{
		"RSA":     &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash},
		"P-256":   &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true},
		"Ed25519": crypto.Hash(0),
	}
	// messageOptions are how signMessage signs.
	messageOptions = map[string]crypto.SignerOpts{"RSA": crypto.SHA256, "P-256": crypto.SHA256, "Ed25519": crypto.Hash(0)}
)

func signCOSE(key crypto.Signer, alg cose.Algorithm) error {
	signer, err := cose.NewSigner(alg, key)
	if err != nil {
		return err
	}
	headers := cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: alg}}
	message, err := cose.Sign1(rand.Reader, signer, headers, []byte("payload"), nil)
	if err != nil {
		return err
	}
	var parsed cose.Sign1Message
	if err := parsed.UnmarshalCBOR(message); err != nil {
		return err
	}
	verifier, err := cose.NewVerifier(alg, key.Public())
	if err != nil {
		return err
	}
	return invalid(parsed.Verify(nil, verifier))
}

// signURL signs a URL of CloudFront's, which verifies RSA, and ECDSA with SHA-1.
func signURL(key crypto.Signer) error {
	const resource = "https://host/path"
	expires := time.Unix(2e9, 0)
	signed, err := sign.NewURLSigner("id", key).Sign(resource, expires)
	if err != nil {
		return err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(u.Query().Get("Signature")))
	if err != nil {
		return err
	}
	policy := fmt.Sprintf(`{"Statement":[{"Resource":%q,"Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, resource, expires.Unix())
	digest := sha1.Sum([]byte(policy))
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		return invalid(rsa.VerifyPKCS1v15(public, crypto.SHA1, digest[:], sig))
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(public, digest[:], sig) {
			return invalid(engine.ErrVerification)
		}
	}
	return nil
}

// signMessage signs a message as the formats that leave it to their users may do: with SHA-256, or
// as Ed25519 does.
func signMessage(key crypto.Signer, message []byte) ([]byte, error) {
	opts := messageOptions[kindOf(key)]
	if hash := opts.HashFunc(); hash != 0 {
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	return key.Sign(rand.Reader, message, opts)
}

func verifyMessage(public crypto.PublicKey, message, sig []byte) error {
	h := crypto.SHA256.New()
	h.Write(message)
	ok := false
	switch public := public.(type) {
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(public, crypto.SHA256, h.Sum(nil), sig) == nil
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(public, h.Sum(nil), sig)
	case ed25519.PublicKey:
		ok = ed25519.Verify(public, message, sig)
	}
	if !ok {
		return engine.ErrVerification
	}
	return nil
}
