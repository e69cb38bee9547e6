package interop

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"
)

// TestTLS connects a server and a client that both sign, in either version, with certificates that
// their keys have signed. Each of the signatures goes through the lanes, which the examples do not
// show.
func TestTLS(t *testing.T) {
	for bits, key := range keys() {
		for _, algorithm := range []x509.SignatureAlgorithm{x509.SHA256WithRSA, x509.SHA512WithRSA, x509.SHA384WithRSAPSS} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(fmt.Sprintf("%d/%v/%s", bits, algorithm, tls.VersionName(version)), func(t *testing.T) {
					throughLanes(t, 3, func() { handshakeTLS(t, wrap(t, key), algorithm, version) })
				})
			}
		}
	}
}

// handshakeTLS has signer sign a certificate, the server's handshake and the client's. The algorithm is
// the certificate's; 0 is the one that fits.
func handshakeTLS(t *testing.T, signer crypto.Signer, algorithm x509.SignatureAlgorithm, version uint16) {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		DNSNames:              []string{"host"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		SignatureAlgorithm:    algorithm,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signer}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	server := tls.Server(near, &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert,
		MinVersion: version, MaxVersion: version, SessionTicketsDisabled: true,
	})
	client := tls.Client(far, &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots, ServerName: "host"})
	served := make(chan error, 1)
	go func() { served <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
