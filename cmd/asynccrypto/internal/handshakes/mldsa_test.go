//go:build go1.27

package handshakes

import (
	"crypto/mldsa"
	"crypto/tls"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// Handshakes without any elliptic curve: an ML-DSA certificate, and ML-KEM alone.
func TestHandshakesMLDSA(t *testing.T) {
	for _, params := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		key, err := mldsa.GenerateKey(params)
		if err != nil {
			t.Skip(err)
		}
		cert := tlstest.NewCertificateFor(t, key)
		config := cert.Config()
		config.CurvePreferences = []tls.CurveID{tls.MLKEM1024}
		addr := newTLSServer(t, config).addr
		// The certificate is the client's, too.
		got, status, stderr := handshakesJSON(t, "-curve", "mlkem1024", "-count", "3", "-ca", cert.File, "-cert", cert.File,
			"-key", cert.KeyFile, addr)
		if status != cli.ExitOK || len(got.Negotiated) != 1 {
			t.Fatalf("%v: status %d, %s", params, status, stderr)
		}
		if n := got.Negotiated[0]; n.Version != "TLS 1.3" || n.Curve != "MLKEM1024" || n.Certificate != params.String() {
			t.Errorf("%v: %+v", params, n)
		}
	}
}
