package remote_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"asynccrypto/remote"
	"asynccrypto/remote/internal/testkeys"
)

// crypto/tls gives a remote key the whole message that TLS 1.3 has signed, on either side. So a key of
// each kind can be held to the handshakes of a side, and signs neither those of the other side nor digests.
func TestTLS13(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		n := f.nodes["a"]
		n.kill()
		n.allow = "allow uid:7 sign:tls13-server rsa ecdsa\nallow uid:7 sign:tls13-client ed25519\n"
		n.start(t)
		e := f.engine(t)
		certificate := func(name string) tls.Certificate {
			own := testkeys.All()[name] // for the certificate, which is no handshake
			template := &x509.Certificate{
				SerialNumber: big.NewInt(1), DNSNames: []string{"name"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
			}
			der := testkeys.Must(x509.CreateCertificate(rand.Reader, template, template, own.Public(), own))
			return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signerOf(t, e, name)}
		}
		for _, test := range []struct {
			server, client string
			fails          bool
		}{
			{"rsa", "ed25519", false},
			{"ecdsa", "ed25519", false},
			{"ed25519", "ed25519", true},
			{"rsa", "ecdsa", true},
		} {
			server, client := certificate(test.server), certificate(test.client)
			roots, clients := x509.NewCertPool(), x509.NewCertPool()
			roots.AddCert(testkeys.Must(x509.ParseCertificate(server.Certificate[0])))
			clients.AddCert(testkeys.Must(x509.ParseCertificate(client.Certificate[0])))
			err := handshake(t.Context(),
				&tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true},
				&tls.Config{Certificates: []tls.Certificate{client}, RootCAs: roots, ServerName: "name"})
			// crypto/tls keeps no more than the text of the error.
			if denied := err != nil && strings.Contains(err.Error(), remote.ErrDenied.Error()); denied != test.fails || err != nil && !denied {
				t.Errorf("%+v: %v", test, err)
			}
		}
		for name := range testkeys.All() {
			opts := crypto.SignerOpts(crypto.SHA256)
			if name == "ed25519" {
				opts = crypto.Hash(0)
			}
			if _, err := signerOf(t, e, name).Sign(rand.Reader, digest[:], opts); !errors.Is(err, remote.ErrDenied) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// handshake returns the errors of both sides.
func handshake(ctx context.Context, server, client *tls.Config) error {
	near, far := net.Pipe()
	failed := make(chan error, 1)
	go func() {
		err := tls.Server(far, server).HandshakeContext(ctx)
		if err != nil {
			far.Close()
		}
		failed <- err
	}()
	err := tls.Client(near, client).HandshakeContext(ctx)
	near.Close()
	return errors.Join(err, <-failed)
}
