package tlspromises

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// temporary is asynctls's would-block error, as crypto/tls sees it.
type temporary struct{}

func (temporary) Error() string   { return "nothing to read" }
func (temporary) Timeout() bool   { return true }
func (temporary) Temporary() bool { return true }

// wire is one end of a connection in memory.
type wire struct {
	mu       sync.Mutex
	come     sync.Cond // more in b, or another empty
	b        []byte
	empty    error // what Read returns when there is nothing; nil to wait
	writeErr error
	to       *wire
	asleep   chan struct{} // if not nil, gets a token when Read begins to wait
}

func newWires() (a, b *wire) {
	a, b = new(wire), new(wire)
	a.to, b.to = b, a
	a.come.L, b.come.L = &a.mu, &b.mu
	return a, b
}

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.b) == 0 {
		if w.empty != nil {
			return 0, w.empty
		}
		if w.asleep != nil {
			select {
			case w.asleep <- struct{}{}:
			default:
			}
		}
		w.come.Wait()
	}
	n := copy(p, w.b)
	w.b = w.b[n:]
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	err := w.writeErr
	w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	w.to.feed(p)
	return len(p), nil
}

func (w *wire) feed(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p...)
	w.come.Broadcast()
}

// take removes what w has to read.
func (w *wire) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.b
	w.b = nil
	return b
}

// whenEmpty sets what Read returns when there is nothing.
func (w *wire) whenEmpty(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.empty = err
	w.come.Broadcast()
}

func (w *wire) failWrites(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeErr = err
}

func (w *wire) Close() error                     { w.whenEmpty(io.EOF); w.to.whenEmpty(io.EOF); return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

var newKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return k
})

func newCert(t *testing.T) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"example.test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, newKey().Public(), newKey())
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: newKey()}
}

// configs returns a server's and a client's config for one version.
func configs(t *testing.T, version uint16) (server, client *tls.Config) {
	t.Helper()
	server = &tls.Config{Certificates: []tls.Certificate{newCert(t)}, MinVersion: version, MaxVersion: version}
	return server, &tls.Config{InsecureSkipVerify: true, ServerName: "example.test"}
}

// pair returns both ends of an open connection, and what is below the client's.
func pair(t *testing.T, version uint16) (server, client *tls.Conn, below *wire) {
	t.Helper()
	sc, cc := configs(t, version)
	s, c := newWires()
	server, client = tls.Server(s, sc), tls.Client(c, cc)
	handshake(t, server, client)
	return server, client, c
}

func handshake(t *testing.T, server, client *tls.Conn) {
	t.Helper()
	errs := make(chan error, 1)
	go func() { errs <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-errs); err != nil {
		t.Fatal(err)
	}
}

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}
