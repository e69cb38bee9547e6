package tlstest

import (
	"crypto"
	"crypto/x509"
	"testing"

	"asynccrypto/internal/testca"
)

// Authority is a CA with a file.
type Authority struct {
	Pool *x509.CertPool // holds it
	File string         // its certificate, in PEM form
	ca   *testca.CA
}

// NewAuthority makes a CA. Its file is removed at the end of the test.
func NewAuthority(t *testing.T) *Authority {
	t.Helper()
	ca := testca.New(t)
	file := writePEM(t, t.TempDir(), "ca.pem", "CERTIFICATE", ca.Certificate.Raw)
	return &Authority{Pool: ca.Pool, File: file, ca: ca}
}

// Issue makes a certificate for a P-256 key. Each name is a DNS name, an IP address or a URI. The
// functions change the fields of the certificate before it is signed.
func (a *Authority) Issue(t *testing.T, names []string, change ...func(*x509.Certificate)) *Certificate {
	t.Helper()
	return a.IssueFor(t, newKey(t), names, change...)
}

// IssueFor is [Authority.Issue] for the caller's key.
func (a *Authority) IssueFor(t *testing.T, key crypto.Signer, names []string, change ...func(*x509.Certificate)) *Certificate {
	t.Helper()
	return withFiles(t, a.ca.IssueFor(t, key, names, change...), a.Pool)
}
