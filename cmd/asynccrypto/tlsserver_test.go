package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// throwAway is a certificate for localhost, made for this run, that is its own CA; servers and clients use it.
type throwAway struct {
	tls.Certificate
	pool          *x509.CertPool
	file, keyFile string
}

func newThrowAway(t *testing.T) *throwAway {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "throw-away"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &throwAway{
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		pool:        x509.NewCertPool(),
		file:        filepath.Join(dir, "cert.pem"),
		keyFile:     filepath.Join(dir, "key.pem"),
	}
	c.pool.AddCert(leaf)
	for name, text := range map[string][]byte{
		c.file:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		c.keyFile: pkcs8(key),
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *throwAway) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.Certificate}}
}

// listen serves on a port of 127.0.0.1, each connection by handle, with its number from 0 on, until the test ends. It
// waits for the handlers, so they must end with their connections, which it closes.
func listen(t *testing.T, handle func(n int, c net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, handle)
	return l.Addr().String()
}

func serve(t *testing.T, l net.Listener, handle func(n int, c net.Conn)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				handle(n, c)
				c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// tlsServer is an ordinary server, that notes what its clients do.
type tlsServer struct {
	t      *testing.T
	addr   string
	config *tls.Config

	mu                 sync.Mutex
	full, resumed, bad int
}

func newTLSServer(t *testing.T, config *tls.Config) *tlsServer {
	s := &tlsServer{t: t, config: config}
	s.addr = listen(t, s.handle)
	return s
}

func (s *tlsServer) handle(_ int, raw net.Conn) {
	c := tls.Server(raw, s.config)
	defer c.Close()
	err := c.Handshake()
	s.mu.Lock()
	switch {
	case err != nil:
		s.bad++
	case c.ConnectionState().DidResume:
		s.resumed++
	default:
		s.full++
	}
	s.mu.Unlock()
	if err != nil {
		return
	}
	// Neither data nor a missing close_notify is what the client promises.
	if n, err := io.Copy(io.Discard, c); n != 0 || err != nil {
		s.t.Errorf("the client sent %d bytes, and then %v", n, err)
	}
}

// saw returns what the server has counted.
func (s *tlsServer) saw() (full, resumed, bad int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full, s.resumed, s.bad
}

// handshakesJSON runs the command with -json. What it wrote is checked to be whole, if there is anything.
func handshakesJSON(t *testing.T, args ...string) (got jsonHandshakes, status int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(append([]string{"handshakes", "-json"}, args...), stdio{&out, &errs})
	if out.Len() == 0 {
		return got, status, errs.String()
	}
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	total := 0
	for _, g := range got.Failures {
		total += g.Count
	}
	agreed := 0
	for _, n := range got.Negotiated {
		agreed += n.Handshakes
	}
	kind := got.Succeeded
	if got.Resume {
		kind = got.Resumed
	}
	h, dial := got.Handshake, got.Dial
	if got.Begun != got.Succeeded+got.Failed || total != got.Failed || agreed != kind || got.Seconds <= 0 ||
		h.P50 > h.P90 || h.P90 > h.P99 || h.P99 > h.Max || (h.P50 > 0) != (kind > 0) ||
		dial.P50 > dial.P90 || dial.P90 > dial.P99 || dial.P99 > dial.Max || (got.PerSec > 0) != (kind > 0) {
		t.Errorf("%v: figures that don't go together: %+v", args, got)
	}
	return got, status, errs.String()
}
