package tlspromises

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// goroutine returns the number of the calling goroutine.
func goroutine() string {
	buf := make([]byte, 64)
	header := bytes.Fields(buf[:runtime.Stack(buf, false)])
	return string(header[1])
}

// The functions of the Config are called on the goroutine that handshakes, or reads in a
// renegotiation. GetEncryptedClientHelloKeys is given the context of the handshake.
func TestFunctionsAreCalledOnTheHandshakesGoroutine(t *testing.T) {
	var mu sync.Mutex
	calls := make(map[string]int)
	for _, version := range versions {
		var on [2]string // the server's goroutine and the client's
		server, client := configs(t, version)
		server.ClientAuth = tls.RequireAnyClientCert
		server.SetSessionTicketKeys([][32]byte{{1}})
		cert, keys := server.Certificates[0], server.Clone()
		called := func(side int, name string) {
			mu.Lock()
			calls[name]++
			mu.Unlock()
			if g := goroutine(); g != on[side] {
				t.Errorf("%s is called on goroutine %s, not on %s", name, g, on[side])
			}
		}
		for side, c := range []*tls.Config{server, client} {
			c.VerifyConnection = func(tls.ConnectionState) error { called(side, "VerifyConnection"); return nil }
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { called(side, "VerifyPeerCertificate"); return nil }
		}
		server.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
			called(0, "WrapSession")
			return keys.EncryptTicket(cs, ss)
		}
		server.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
			called(0, "UnwrapSession")
			return keys.DecryptTicket(identity, cs)
		}
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			called(1, "GetClientCertificate")
			return &cert, nil
		}
		client.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error {
			called(1, "EncryptedClientHelloRejectionVerify")
			return nil
		}
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		connect := func() error {
			s, c := newWires()
			serverConn, clientConn := tls.Server(s, server), tls.Client(c, client)
			served := make(chan error, 1)
			started := make(chan bool)
			go func() {
				on[0] = goroutine()
				close(started)
				served <- serverConn.HandshakeContext(valueContext{t.Context()})
				s.Close()
			}()
			<-started
			on[1] = goroutine()
			err := clientConn.Handshake()
			if err == nil {
				io.Copy(io.Discard, clientConn) // the session ticket of TLS 1.3
			}
			return errors.Join(err, <-served)
		}
		for range 2 {
			if err := connect(); err != nil {
				t.Fatal(err)
			}
		}
		if version < tls.VersionTLS13 {
			continue
		}
		echKey, list := newECHKey()
		client.MinVersion = tls.VersionTLS13
		client.ClientSessionCache = nil
		client.EncryptedClientHelloConfigList = list
		if err := connect(); err == nil {
			t.Error("accepted without a key for Encrypted Client Hello")
		}
		server.GetEncryptedClientHelloKeys = func(hello *tls.ClientHelloInfo) ([]tls.EncryptedClientHelloKey, error) {
			called(0, "GetEncryptedClientHelloKeys")
			if hello.Context().Value(panicContext{}) == nil {
				t.Error("the context is not the handshake's")
			}
			return []tls.EncryptedClientHelloKey{echKey}, nil
		}
		if err := connect(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{
		"VerifyConnection", "VerifyPeerCertificate", "WrapSession", "UnwrapSession", "GetClientCertificate",
		"GetEncryptedClientHelloKeys", "EncryptedClientHelloRejectionVerify",
	} {
		if calls[name] == 0 {
			t.Error(name, "is not called")
		}
	}
}

// newECHKey returns a key for Encrypted Client Hello, and the configurations that a client needs.
func newECHKey() (key tls.EncryptedClientHelloKey, list []byte) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	const name = "public.test"
	prefixed := func(b []byte) []byte { return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...) }
	contents := slices.Concat(
		[]byte{1, 0, 0x20}, // the configuration's number; DHKEM(X25519, HKDF-SHA256)
		prefixed(private.PublicKey().Bytes()),
		prefixed([]byte{0, 1, 0, 1}), // HKDF-SHA256, AES-128-GCM
		[]byte{32, byte(len(name))}, []byte(name), prefixed(nil))
	config := append([]byte{0xfe, 0x0d}, prefixed(contents)...)
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: private.Bytes()}, prefixed(config)
}
