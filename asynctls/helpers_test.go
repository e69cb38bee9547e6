package asynctls_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// newPool returns a pool of at most max jobs that is closed, without a job left, at the end.
func newPool(t testing.TB, max int) *async.Pool {
	t.Helper()
	pool, err := async.NewPool(max, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

func newEngine(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := workers.New(workers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// newCert returns a certificate for "example.test" that signs itself.
func newCert(t testing.TB, key crypto.Signer) tls.Certificate {
	t.Helper()
	return newCertFor(t, key, "example.test", "localhost")
}

func newCertFor(t testing.TB, key crypto.Signer, names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: names[0]},
		DNSNames:              names,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })

// configs returns a server's config, whose RSA key e holds, and a client's that trusts it.
func configs(t testing.TB, e *engine.Engine) (server, client *tls.Config) {
	t.Helper()
	cert := newCert(t, rsaKey())
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	signer, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	cert.PrivateKey = signer
	server = asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: roots})
	return server, &tls.Config{RootCAs: roots, ServerName: "example.test"}
}

// side is one end of a connection in memory.
type side struct {
	*asynctls.Conn
	buf   asynctls.Buffers
	wakes chan struct{}
}

func newSide(t testing.TB, make func(asynctls.Transport, *tls.Config, *asynctls.Options) *asynctls.Conn, c *tls.Config, o *asynctls.Options) *side {
	t.Helper()
	s := &side{wakes: chanOfOne()}
	s.Conn = make(&s.buf, c, o)
	s.SetAsyncCallback(func(any) {
		select {
		case s.wakes <- struct{}{}:
		default:
		}
	}, nil)
	t.Cleanup(s.Abort)
	return s
}

func chanOfOne() chan struct{} { return make(chan struct{}, 1) }

// carry moves what one side has sent to the other, at most n bytes at a time; it reports whether there was any.
func carry(from, to *side, n int) bool {
	out := from.buf.Out()
	out = out[:min(n, len(out))]
	to.buf.Feed(out)
	from.buf.Discard(len(out))
	return len(out) > 0
}

// shake drives both sides until their handshakes are done, n bytes at a time.
func shake(t testing.TB, a, b *side, n int) (aErr, bErr error) {
	t.Helper()
	limit := time.Now().Add(20 * time.Second)
	aErr, bErr = asynctls.ErrWantRead, asynctls.ErrWantRead
	for (asynctls.Wants(aErr) || asynctls.Wants(bErr)) && time.Now().Before(limit) {
		if asynctls.Wants(aErr) {
			aErr = a.Handshake()
		}
		if asynctls.Wants(bErr) {
			bErr = b.Handshake()
		}
		if carry(a, b, n) || carry(b, a, n) {
			continue
		}
		if !asynctls.Wants(aErr) && aErr != nil || !asynctls.Wants(bErr) && bErr != nil {
			return aErr, bErr
		}
		for _, s := range []*side{a, b} {
			if s.WaitingForAsync() {
				<-s.wakes
			}
		}
	}
	return aErr, bErr
}

// exampleConfig is a server's config, with a key that an engine holds, for examples.
func exampleConfig() *tls.Config {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	eng, _ := workers.New(workers.Options{})
	signer, _ := eng.Signer(key)
	return asynctls.Config(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: signer}}})
}
