// Package tlstest is shared by the tests of asynctls and tlsserver. It has keys, certificates and
// configurations.
package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// NewEngine returns an engine of workers that is closed when the test ends.
func NewEngine(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := workers.New(workers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// RSAKey returns an RSA key, the same one each time.
var RSAKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })

// Keys returns a key for each algorithm, the same ones each time.
var Keys = sync.OnceValue(func() map[string]crypto.Signer {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{"RSA": RSAKey(), "ECDSA": ec, "Ed25519": ed}
})

// NewCert returns a self-signed certificate for "example.test".
func NewCert(t testing.TB, key crypto.Signer) tls.Certificate {
	t.Helper()
	return NewCertFor(t, key, "example.test", "localhost")
}

// NewCertFor returns a self-signed certificate for the names.
func NewCertFor(t testing.TB, key crypto.Signer, names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: names[0]},
		DNSNames:              names,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// WithEngine returns cert with its key held by e.
func WithEngine(t testing.TB, e *engine.Engine, cert tls.Certificate) tls.Certificate {
	t.Helper()
	signer, err := e.Signer(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	cert.PrivateKey = signer
	return cert
}

// RootsOf returns a pool that trusts certs.
func RootsOf(certs ...tls.Certificate) *x509.CertPool {
	roots := x509.NewCertPool()
	for _, c := range certs {
		roots.AddCert(c.Leaf)
	}
	return roots
}

// Configs returns a server's configuration, whose RSA key e holds, and a client's that trusts it.
func Configs(t testing.TB, e *engine.Engine) (server, client *tls.Config) {
	t.Helper()
	cert := NewCert(t, RSAKey())
	roots := RootsOf(cert)
	server = asynctls.Config(&tls.Config{Certificates: []tls.Certificate{WithEngine(t, e, cert)}, ClientCAs: roots})
	return server, &tls.Config{RootCAs: roots, ServerName: "example.test"}
}
