package allow_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"

	"asynccrypto/remote/internal/allow"
)

// recorder is a key that keeps the messages that it signs, as crypto/tls hands them to a
// crypto.MessageSigner.
type recorder struct {
	*ecdsa.PrivateKey
	messages [][]byte
}

func (r *recorder) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	r.messages = append(r.messages, slices.Clone(message))
	h := opts.HashFunc().New()
	h.Write(message)
	return r.PrivateKey.Sign(random, h.Sum(nil), opts)
}

// TestHandshakes recognizes what crypto/tls signs on both sides, in TLS 1.3 and not in TLS 1.2.
func TestHandshakes(t *testing.T) {
	for version, want := range map[uint16]map[string]string{
		tls.VersionTLS13: {"server": "tls13-server", "client": "tls13-client"},
		tls.VersionTLS12: {"server": "", "client": ""},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"app"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		signers := map[string]*recorder{"server": {PrivateKey: key}, "client": {PrivateKey: key}}
		config := func(side string) *tls.Config {
			return &tls.Config{
				Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: signers[side]}},
				ClientAuth:         tls.RequireAnyClientCert,
				InsecureSkipVerify: true, // the certificate is of no interest here
				MaxVersion:         version,
			}
		}
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() {
			err := tls.Server(a, config("server")).Handshake()
			a.Close()
			done <- err
		}()
		client := tls.Client(b, config("client"))
		if _, err := client.Read(make([]byte, 1)); err == nil { // of tickets, until the server closes
			t.Error("the server has sent something")
		}
		b.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for side, signer := range signers {
			if len(signer.messages) != 1 {
				t.Fatalf("%s signed %d messages in %s", side, len(signer.messages), tls.VersionName(version))
			}
			if got := allow.TLS13(signer.messages[0]); got != want[side] {
				t.Errorf("%s, %s: the message is %q, want %q", tls.VersionName(version), side, got, want[side])
			}
		}
	}
}
