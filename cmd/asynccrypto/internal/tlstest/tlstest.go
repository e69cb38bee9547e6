// Package tlstest holds what the tests of several packages need to talk TLS: a certificate, and
// listeners that end with the test.
package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Certificate is a certificate that servers and clients use.
type Certificate struct {
	tls.Certificate
	Pool          *x509.CertPool // holds its CA
	File, KeyFile string         // it and its private key, in PEM form
}

// NewCertificate makes a certificate for localhost and a P-256 key that is its own CA. Its files are
// removed at the end of the test.
func NewCertificate(t *testing.T) *Certificate {
	t.Helper()
	return NewCertificateFor(t, newKey(t))
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// NewCertificateFor is [NewCertificate] for the caller's key.
func NewCertificateFor(t *testing.T, key crypto.Signer) *Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "throw-away"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	c := withFiles(t, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, x509.NewCertPool())
	c.Pool.AddCert(leaf)
	return c
}

// withFiles writes the files of a certificate, whose CA is in the pool.
func withFiles(t *testing.T, cert tls.Certificate, pool *x509.CertPool) *Certificate {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &Certificate{
		Certificate: cert,
		Pool:        pool,
		File:        writePEM(t, dir, "cert.pem", "CERTIFICATE", cert.Certificate[0]),
		KeyFile:     writePEM(t, dir, "key.pem", "PRIVATE KEY", key),
	}
}

// writePEM writes a file with one block of PEM, and returns its path.
func writePEM(t *testing.T, dir, name, kind string, der []byte) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Config returns a new server's configuration with the certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.Certificate}}
}

// Listen accepts connections on a port of 127.0.0.1 until the test ends. Each is passed to
// handle, on a goroutine of its own, with its number from 0 on. At the end of the test the
// connections are closed, and Listen waits for the handlers.
func Listen(t *testing.T, handle func(n int, c net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	Serve(t, l, handle)
	return l.Addr().String()
}

// Serve is [Listen] on a listener of the caller's, which it closes.
func Serve(t *testing.T, l net.Listener, handle func(n int, c net.Conn)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				handle(n, c)
				c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}
