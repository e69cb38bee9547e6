package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/engine/multibuffer"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"crypto/rsa   10 certificates in ", "wrapped key  100 certificates in "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q but\n%s", want, &out)
		}
	}
}

// TestCertificates has x509 and, where it is installed, OpenSSL verify the certificates.
func TestCertificates(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := multibuffer.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	root, err := newRoot(signer)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := issue(root, signer, 40)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(root, certs); err != nil {
		t.Error(err)
	}
	serials := make(map[string]bool)
	for _, cert := range certs {
		serials[cert.SerialNumber.String()] = true
	}
	if len(serials) != len(certs) {
		t.Errorf("%d serial numbers for %d certificates", len(serials), len(certs))
	}
	// A certificate is valid by the authority's key, not by its name.
	other, err := newRoot(mustKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if verify(other, certs[:1]) == nil {
		t.Error("a certificate is valid under another authority of the same name")
	}

	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	args := []string{"verify", "-purpose", "sslserver", "-CAfile", writePEM(t, dir, "root.pem", root)}
	for _, cert := range certs {
		args = append(args, writePEM(t, dir, cert.Subject.CommonName+".pem", cert))
	}
	said, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil || strings.Count(string(said), ": OK") != len(certs) {
		t.Errorf("openssl: %v\n%s", err, said)
	}
}

func mustKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, dir, name string, cert *x509.Certificate) string {
	t.Helper()
	file := filepath.Join(dir, name)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A number that is too small is an error that names the option.
func TestTooFew(t *testing.T) {
	for _, n := range []int{0, -5} {
		if err := run(io.Discard, n); err == nil || !strings.Contains(err.Error(), "-n") {
			t.Errorf("-n %d: %v", n, err)
		}
	}
}
