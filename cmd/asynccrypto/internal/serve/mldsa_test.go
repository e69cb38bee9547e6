//go:build go1.27

package serve

import (
	"crypto/mldsa"
	"crypto/tls"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// Serve signs with an ML-DSA key, and names its kind in the log.
func TestServeMLDSA(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		t.Skip(err)
	}
	cert := tlstest.NewCertificateFor(t, key)
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile)
	s.Logged(`certificate \S+: CN=throw-away, ML-DSA-65, until`)
	s.Logged(`engine \S+, \d+ workers?( at nice \d+)?: as fast as the standard library for ML-DSA-65, no gain in speed`)
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0]; !got.Equal(cert.Leaf) {
		t.Error("another certificate")
	}
}
