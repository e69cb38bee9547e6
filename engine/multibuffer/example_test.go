package multibuffer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// A TLS server signs once for each handshake. With its key wrapped, handshakes that meet are
// signed together.
func Example_tls() {
	cert, roots := serverCertificate()
	signer, err := multibuffer.Signer(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		fmt.Println(err)
		return
	}
	cert.PrivateKey = signer // the only change

	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "hello")
	}()

	conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	greeting, err := io.ReadAll(conn)
	fmt.Println(string(greeting), err)
	// Output: hello <nil>
}

// A certificate authority wraps its key. Its signatures are the same as before.
func Example_certificate() {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := multibuffer.Signer(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer signer.Close()

	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "An authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
		SignatureAlgorithm:    x509.SHA384WithRSAPSS,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		fmt.Println(err)
		return
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cert.Subject, cert.SignatureAlgorithm, cert.CheckSignatureFrom(cert))
	// Output: CN=An authority SHA384-RSAPSS <nil>
}

// Issuing tokens (RFC 7519, RS256), by hand: a service does little else but sign, for many
// clients at a time. The guide shows how github.com/golang-jwt/jwt signs with a wrapped key.
func Example_token() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := multibuffer.Signer(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer signer.Close()

	issue := func(claims map[string]any) (string, error) {
		payload, err := json.Marshal(claims)
		if err != nil {
			return "", err
		}
		encode := base64.RawURLEncoding.EncodeToString
		token := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(payload)
		digest := sha256.Sum256([]byte(token))
		signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		return token + "." + encode(signature), err
	}
	token, err := issue(map[string]any{"sub": "alice", "exp": int64(4102444800)})
	if err != nil {
		fmt.Println(err)
		return
	}

	dot := strings.LastIndexByte(token, '.')
	signed := token[:dot]
	raw, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		fmt.Println(err)
		return
	}
	digest := sha256.Sum256([]byte(signed))
	fmt.Println(signed)
	fmt.Println(rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], raw))
	// Output:
	// eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjQxMDI0NDQ4MDAsInN1YiI6ImFsaWNlIn0
	// <nil>
}

// A gateway verifies tokens (RFC 7519, ES256) with keys that it knows. A Verifier prepares its key
// once. JSON Web Signatures have the form r||s, which ECDSAOptions ask for.
func ExampleVerifier() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := multibuffer.Signer(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer signer.Close()
	verifier, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer verifier.Close()

	es256 := &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}
	digest := sha256.Sum256([]byte("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9"))
	signature, err := signer.Sign(rand.Reader, digest[:], es256)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(signature), verifier.Verify(digest[:], signature, es256))

	digest[0]++
	err = verifier.Verify(digest[:], signature, es256)
	fmt.Println(errors.Is(err, engine.ErrVerification), err)
	// Output:
	// 64 <nil>
	// true engine: the signature is not valid
}

// The functions that stand in for the standard library's have its parameters. A call changes its
// package's name and nothing else.
func ExampleVerifyPKCS1v15() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	digest := sha256.Sum256([]byte("a webhook's body"))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(multibuffer.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature))
	// Output: <nil>
}

// A consumer of a queue has many signatures at hand. It verifies them in one call, on its own
// goroutine and on idle workers.
func ExampleVerifyBatch() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := multibuffer.Verifier(public)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer verifier.Close()

	var batch []multibuffer.Verification
	for i := range 20 {
		message := fmt.Appendf(nil, "message %d", i)
		signature := ed25519.Sign(private, message)
		if i == 13 {
			message = []byte("another message")
		}
		batch = append(batch, multibuffer.Verification{
			Key: verifier, Digest: message, Signature: signature, Opts: crypto.Hash(0),
		})
	}
	for i, err := range multibuffer.VerifyBatch(batch) {
		if err != nil {
			fmt.Println(i, err)
		}
	}
	// Output: 13 engine: the signature is not valid
}

// Two sides agree on a secret. A KeyExchanger is an ecdh.KeyExchanger, so crypto/hpke takes it.
func ExampleKeyExchanger() {
	ctx := context.Background()
	alice, err := multibuffer.GenerateX25519(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close()
	key, err := ecdh.X25519().GenerateKey(rand.Reader) // or a key that was stored
	if err != nil {
		fmt.Println(err)
		return
	}
	bob, err := multibuffer.KeyExchanger(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bob.Close()

	a, err := alice.ECDH(bob.PublicKey())
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := bob.ECDH(alice.PublicKey())
	fmt.Println(len(a), bytes.Equal(a, b), err)
	// Output: 32 true <nil>
}

// serverCertificate makes a certificate for this machine, and the roots that know it.
func serverCertificate() (tls.Certificate, *x509.CertPool) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
