package interop

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"testing"

	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/interop/golangjwt"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/ssh"
)

// Keys on a token sign for crypto/x509, crypto/tls, ssh and golang-jwt, each of which verifies the
// signatures with code of its own.
func TestHSM(t *testing.T) {
	hsmtest.Program(t, "p11-kit", "p11-kit") // the helper
	m := hsmtest.SoftHSM(t)
	m.Fill(t)
	token, err := pkcs11.Open(m.URI(""), pkcs11.Options{Sessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()

	for _, c := range []struct {
		kind hsmtest.Kind
		ssh  string
		jwt  []jwt.SigningMethod
	}{
		{hsmtest.RSA2048, ssh.KeyAlgoRSASHA256, []jwt.SigningMethod{golangjwt.RS256, golangjwt.PS256}},
		{hsmtest.P256, ssh.KeyAlgoECDSA256, []jwt.SigningMethod{golangjwt.ES256}},
		{hsmtest.P384, ssh.KeyAlgoECDSA384, []jwt.SigningMethod{golangjwt.ES384}},
		{hsmtest.P521, ssh.KeyAlgoECDSA521, []jwt.SigningMethod{golangjwt.ES512}},
		{hsmtest.Ed25519, ssh.KeyAlgoED25519, []jwt.SigningMethod{golangjwt.EdDSA}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			key, err := token.Signer("pkcs11:object=" + string(c.kind))
			if err != nil {
				t.Fatal(err)
			}
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(tls.VersionName(version), func(t *testing.T) {
					signed(t, token, 3, func() { handshakeTLS(t, key, x509.UnknownSignatureAlgorithm, version) })
				})
			}
			t.Run("ssh", func(t *testing.T) {
				signed(t, token, 2, func() { handshakeSSH(t, c.ssh, key, key) })
			})
			for _, method := range c.jwt {
				t.Run(method.Alg(), func(t *testing.T) {
					signed(t, token, 1, func() { issue(t, method, key) })
				})
			}
		})
	}
}

// signed checks that f has token make n signatures.
func signed(t *testing.T, token *pkcs11.Token, n uint64, f func()) {
	t.Helper()
	before := token.Engine().Stats().Completed
	f()
	if got := token.Engine().Stats().Completed - before; got != n {
		t.Errorf("the token has made %d signatures, want %d", got, n)
	}
}

// issue signs a JSON Web Token, which golang-jwt's own method of that name verifies.
func issue(t *testing.T, method jwt.SigningMethod, key crypto.Signer) {
	text, err := jwt.New(method).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	public := func(*jwt.Token) (any, error) { return key.Public(), nil }
	if _, err := jwt.Parse(text, public, jwt.WithValidMethods([]string{method.Alg()})); err != nil {
		t.Error(err)
	}
}
