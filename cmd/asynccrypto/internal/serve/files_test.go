package serve

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// writeFile replaces a file in one step.
func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	testwait.Await(t, "the file to be closed", func() bool {
		err = os.Rename(path+".new", path)
		return err == nil || runtime.GOOS != "windows" // which refuses it while the server has the file open
	})
	if err != nil {
		t.Fatal(err)
	}
}

// namedCertificate writes a self-signed certificate for the names, with its key after it.
func namedCertificate(t *testing.T, rsaKey bool, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "both.pem")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names}
	var key crypto.Signer
	var err error
	if rsaKey {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err1 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	keyDER, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...))
	return path
}

// Of several certificates the client's name chooses, and among those for the same name what it can
// verify. The first is for other names and for none.
func TestServeSeveralCertificates(t *testing.T) {
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	args := []string{"-engine", "workers"}
	for _, path := range []string{
		namedCertificate(t, false, "first.test"), namedCertificate(t, false, "b.test", "*.b.test"),
		namedCertificate(t, true, "both.test"), namedCertificate(t, false, "both.test"),
	} {
		args = append(args, "-cert", path)
	}
	for _, more := range [][]string{nil, {"-proxy", backend}} {
		if more != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(more, args...)...)
		ask := func(name string, version uint16, suites ...uint16) *x509.Certificate {
			c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, ServerName: name, MaxVersion: version, CipherSuites: suites})
			if err != nil {
				t.Fatal(name, err)
			}
			defer c.Close()
			return c.ConnectionState().PeerCertificates[0]
		}
		for name, want := range map[string]string{
			"first.test": "first.test", "b.test": "b.test", "B.test": "b.test", "a.b.test": "b.test", "a.a.b.test": "first.test",
			"other.test": "first.test", "": "first.test", "both.test": "both.test",
		} {
			if got := ask(name, 0).DNSNames[0]; got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
		if _, ok := ask("both.test", 0).PublicKey.(*rsa.PublicKey); !ok {
			t.Error("not the first for this name")
		}
		if _, ok := ask("both.test", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256).PublicKey.(*ecdsa.PublicKey); !ok {
			t.Error("not the one that the client can verify")
		}
	}
}

// -client-ca is read again at SIGHUP, and files that have changed are read without one. A session
// that a removed CA has vouched for is not resumed.
func TestServeReloadsAll(t *testing.T) {
	cert, old, next := tlstest.NewCertificate(t), tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, hangup := range []bool{true, false} {
		writeFile(t, ca, text(old.File))
		watch := "24h"
		if !hangup {
			watch = "10ms"
		}
		s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-client-ca", ca, "-watch", watch)
		clients := map[*tlstest.Certificate]*tls.Config{}
		for _, c := range []*tlstest.Certificate{old, next} {
			clients[c] = &tls.Config{RootCAs: cert.Pool, Certificates: []tls.Certificate{c.Certificate}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		}
		admitted := func(c *tlstest.Certificate) bool {
			conn, err := tls.Dial("tcp", s.addr, clients[c])
			if err != nil {
				return false
			}
			defer conn.Close()
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			_, err = conn.Read(make([]byte, 1))
			return err == nil
		}
		if !admitted(old) || admitted(next) {
			t.Error("before: ", admitted(old), admitted(next))
		}
		writeFile(t, ca, append(text(next.File), text(next.File)...))
		if hangup {
			s.Signal(syscall.SIGHUP)
		}
		s.Logged(`client-ca \S+: 2 CAs`)
		for deadline := time.Now().Add(time.Minute); !admitted(next); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the new CA's client is not admitted")
			}
		}
		if admitted(old) {
			t.Error("the old CA's client is admitted")
		}
		writeFile(t, ca, []byte("-----BEGIN CERTIFICATE-----"))
		if hangup {
			s.Signal(syscall.SIGHUP)
		}
		s.Logged(`(hangup|files changed): the certificate stays as it was: -client-ca \S+: block 1 \(CERTIFICATE\) is damaged`)
		if !admitted(next) {
			t.Error("the CA before a damaged one is gone")
		}
	}
}

// Servers with the same ticket keys resume each other's sessions, also those of an older key.
func TestServeTicketKeys(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	key := func(b byte) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, 32)) + "\n" }
	path := filepath.Join(t.TempDir(), "tickets")
	writeFile(t, path, []byte("# keys\n\n"+key(1)))
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	args := []string{"-cert", cert.File, "-key", cert.KeyFile, "-ticket-keys", path}
	more := []string{"-proxy", backend}
	if !hasProxy {
		more = nil
	}
	a, b := startServe(t, args...), startServe(t, append(more, args...)...)
	config := &tls.Config{RootCAs: cert.Pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	resumed := func(s *served) bool {
		c, err := tls.Dial("tcp", s.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := c.Read(make([]byte, 1)); err != nil { // the ticket comes before it
			t.Fatal(err)
		}
		return c.ConnectionState().DidResume
	}
	if resumed(a) || !resumed(b) || !resumed(a) {
		t.Error("not resumed by the other server")
	}
	reload := func(s *served) {
		s.Signal(syscall.SIGHUP)
		s.Signal(syscall.SIGHUP) // taken when the one before it is done
	}
	writeFile(t, path, []byte(key(2)+key(1)))
	reload(b)
	if !resumed(b) { // and a new ticket, by key 2
		t.Error("not resumed with the older key")
	}
	if resumed(a) {
		t.Error("a key was read without being asked for")
	}
	writeFile(t, path, []byte(key(3)))
	reload(b)
	if resumed(b) {
		t.Error("resumed with a key that is gone")
	}
	for want, text := range map[string]string{
		"line 1 has 2 characters, not 64": "ab\n", "line 2 is not hexadecimal": key(1) + strings.Repeat("x", 64), "holds no key": "# none",
		"holds more than 64 keys": strings.Repeat(key(1), 65),
	} {
		writeFile(t, path, []byte(text))
		if _, err := readTicketKeys(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// -max-conns holds further connections back until one ends.
func TestServeMaxConns(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	for _, args := range [][]string{nil, {"-proxy", backend}} {
		if args != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(args, "-cert", cert.File, "-key", cert.KeyFile, "-max-conns", "2")...)
		var open []*tls.Conn
		for range 2 {
			c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool})
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		done := make(chan error, 1)
		go func() {
			c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool})
			if err == nil {
				c.Close()
			}
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("a third connection: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		open[0].Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		open[1].Close()
	}
}

// -alpn is for clients that speak one of the protocols, or name none.
func TestServeALPN(t *testing.T) {
	if !hasProxy {
		t.Skip("no -proxy here")
	}
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-proxy", backend, "-alpn", "h2,http/1.1")
	for _, test := range []struct {
		offer []string
		want  string
		fails bool
	}{{[]string{"http/1.1", "h2"}, "h2", false}, {[]string{"http/1.1"}, "http/1.1", false}, {nil, "", false}, {[]string{"ftp"}, "", true}} {
		c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool, NextProtos: test.offer})
		if (err != nil) != test.fails {
			t.Errorf("%v: %v", test.offer, err)
		}
		if err != nil {
			continue
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != test.want {
			t.Errorf("%v: %s", test.offer, got)
		}
		c.Close()
	}
}
