// Ca issues thousands of certificates, as an authority does: one key signs them all. It wraps
// that key, and leaves the rest as it was with the standard library.
//
//	go run ./examples/ca
//	go run ./examples/ca -n 10000
//
// It first issues some with crypto/rsa alone, to show the gain. The authority's key is
// RSA-3072, as is usual; the certificates are for P-256 keys. Every certificate is verified
// against the authority's.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine/multibuffer"
)

func main() {
	n := flag.Int("n", 2000, "`number` of certificates to issue with the wrapped key")
	flag.Parse()
	if err := run(os.Stdout, *n); err != nil {
		fmt.Fprintln(os.Stderr, "ca:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, n int) error {
	if n < 1 {
		return fmt.Errorf("-n %d: the number of certificates must be at least 1", n)
	}
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return err
	}
	signer, err := multibuffer.Signer(key) // once, when the authority starts: the only change
	if err != nil {
		return err
	}
	defer signer.Close() // wipes the engine's copy of the key

	root, err := newRoot(signer)
	if err != nil {
		return err
	}
	for _, by := range []struct {
		name string
		key  crypto.Signer
		n    int
	}{{"crypto/rsa", key, (n + 9) / 10}, {"wrapped key", signer, n}} {
		began := time.Now()
		certs, err := issue(root, by.key, by.n)
		if err != nil {
			return err
		}
		took := time.Since(began)
		if err := verify(root, certs); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-11s  %d certificates in %v, %.0f a second, all of them verified\n",
			by.name, len(certs), took.Round(time.Millisecond), float64(len(certs))/took.Seconds())
	}
	if ok, reason := multibuffer.Supported(); !ok {
		fmt.Fprintln(out, "The wrapped key is no faster on this machine:", reason)
	}
	return nil
}

// newRoot returns the authority's own certificate.
func newRoot(signer crypto.Signer) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Example authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// issue makes n certificates. The engine signs together the requests that it gets at one time,
// eight by eight on each processor, so there are more goroutines than that: while a batch is
// signed, the next one gathers.
func issue(root *x509.Certificate, signer crypto.Signer, n int) ([]*x509.Certificate, error) {
	certs := make([]*x509.Certificate, n)
	var next atomic.Int64
	errs := make([]error, 16*runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for g := range errs {
		wg.Go(func() {
			for errs[g] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				certs[i], errs[g] = issueOne(root, signer, i)
			}
		})
	}
	wg.Wait()
	return certs, errors.Join(errs...)
}

func issueOne(root *x509.Certificate, signer crypto.Signer, i int) (*x509.Certificate, error) {
	// In truth the subject sends its public key in a certificate request, and keeps the private
	// one.
	subject, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("host-%d.example.com", i)
	template := &x509.Certificate{
		// No SerialNumber: CreateCertificate takes a random one.
		Subject:     pkix.Name{CommonName: name},
		DNSNames:    []string{name},
		NotBefore:   time.Now().Add(-time.Hour),
		NotAfter:    time.Now().AddDate(0, 3, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, subject.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// verify checks each certificate as a TLS client would: its chain to the root, its time, its
// use and its name.
func verify(root *x509.Certificate, certs []*x509.Certificate) error {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for i, cert := range certs {
		o := x509.VerifyOptions{Roots: roots, DNSName: fmt.Sprintf("host-%d.example.com", i)}
		if _, err := cert.Verify(o); err != nil {
			return err
		}
	}
	return nil
}
