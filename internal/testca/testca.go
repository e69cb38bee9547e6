// Package testca issues certificates in tests, as a certificate authority does.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// CA is a certificate authority. Any goroutine may use it.
type CA struct {
	Certificate *x509.Certificate
	Pool        *x509.CertPool // holds the certificate
	key         crypto.Signer
}

// New makes a CA whose certificate is valid for an hour.
func New(t testing.TB) *CA {
	t.Helper()
	template := template()
	template.Subject.CommonName = "throw-away CA"
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	ca := &CA{Pool: x509.NewCertPool(), key: newKey(t)}
	ca.Certificate = ca.sign(t, template, template, ca.key)
	ca.Pool.AddCert(ca.Certificate)
	return ca
}

// Issue makes a certificate, for clients and servers, of a new P-256 key. It is valid for an hour.
// Each name is an IP address, a URI if it has a colon, or a DNS name.
func (ca *CA) Issue(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	return ca.IssueFor(t, newKey(t), names)
}

// IssueUntil is [CA.Issue] for a certificate that is valid until notAfter.
func (ca *CA) IssueUntil(t testing.TB, notAfter time.Time, names ...string) tls.Certificate {
	t.Helper()
	return ca.IssueFor(t, newKey(t), names, func(c *x509.Certificate) { c.NotAfter = notAfter })
}

// IssueFor is [CA.Issue] for the caller's key. The functions change the fields of the certificate
// before it is signed.
func (ca *CA) IssueFor(t testing.TB, key crypto.Signer, names []string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := template()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if strings.Contains(name, ":") {
			uri, err := url.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			template.URIs = append(template.URIs, uri)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	for _, f := range change {
		f(template)
	}
	leaf := ca.sign(t, template, ca.Certificate, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// template returns a template that is valid since two hours ago, so that the certificate may have
// expired, and for an hour.
func template() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "throw-away"},
		NotBefore:    time.Now().Add(-2 * time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

// sign makes the certificate of a key.
func (ca *CA) sign(t testing.TB, template, parent *x509.Certificate, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
