//go:build unix

package keyring

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/engine/workers"
	"asynccrypto/internal/publickey"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
	"asynccrypto/remote/keyserver"
)

// serveKeys makes a key server listen on a Unix socket until the test ends, or stop is called.
func serveKeys(t *testing.T, path string, keys map[string]crypto.Signer) (stop func()) {
	t.Helper()
	s, err := keyserver.New(keyserver.Config{Keys: keys, Allow: []byte("allow uid:" + strconv.Itoa(os.Getuid()) + " sign web api\n")})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.ServeUnix(ln) }()
	stop = func() {
		s.Close()
		<-served
	}
	t.Cleanup(stop)
	return func() {
		s.Close()
		served <- <-served // for the cleanup
	}
}

func checkSigner(t *testing.T, signer any, want crypto.Signer) {
	t.Helper()
	digest := sha256.Sum256(nil)
	s := signer.(crypto.Signer)
	signature, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{PublicKey: want.Public(), PublicKeyAlgorithm: x509.ECDSA}
	if err := cert.CheckSignature(x509.ECDSAWithSHA256, nil, signature); err != nil { // of an empty message
		t.Error(err)
	}
}

// Keys of the same servers share them. A key is bound to their engine, and is not wrapped by another.
func TestServers(t *testing.T) {
	first, second := tlstest.NewCertificate(t).PrivateKey.(crypto.Signer), tlstest.NewCertificate(t).PrivateKey.(crypto.Signer)
	path := filepath.Join(t.TempDir(), "s")
	stop := serveKeys(t, path, map[string]crypto.Signer{"web": first, "api": second})
	r := New(Options{Timeout: time.Minute})
	defer r.Close()
	web, err := r.Open(Named{"key", "keyserver:///web?unix=" + path})
	if err != nil {
		t.Fatal(err)
	}
	api, err := r.Open(Named{"key", "keyserver:///%61pi?unix=" + path})
	if err != nil {
		t.Fatal(err)
	}
	if web.Server != api.Server || len(r.Servers()) != 1 || web.Name != "keyserver:///web" || web.Place() != "unix:"+path || web.InFile() || web.Away != nil {
		t.Errorf("%+v, %+v", web, api)
	}
	checkSigner(t, web.Private, first)
	checkSigner(t, api.Private, second)
	e, err := workers.New(workers.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	signer, err := r.Signer(e, []*Key{web})
	if err != nil || signer != web.Private {
		t.Errorf("%T, %v: wrapped again", signer, err)
	}
	for uri, want := range map[string]string{
		"keyserver:///none?unix=" + path: "no such key",
		"keyserver:///?unix=" + path:     "has no name of a key",
		"keyserver:///web?sock=" + path:  "none of cert, key, ca and unix",
	} {
		if _, err := r.Open(Named{"key", uri}); err == nil || IsAway(err) || !strings.HasPrefix(err.Error(), "-key: ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", uri, err)
		}
	}
	// The ring has the key: it asks no server again, unless it is to be another one.
	stop()
	if again, err := r.OpenChain(first.Public(), nil, Named{"key", "keyserver:///web?unix=" + path}); err != nil || again[0].Private != web.Private {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := r.Open(Named{"key", "keyserver:///web?unix=" + path}); err == nil || !IsAway(err) {
		t.Error(err)
	}
	chain, err := r.OpenChain(second.Public(), nil, Named{"key", "keyserver:///web?unix=" + path})
	if err != nil || chain[0].Away == nil || !publickey.Equal(chain[0].Private.(engine.Signer).Public(), second.Public()) {
		t.Errorf("%v, %v", chain, err)
	}
}

// A key whose servers are away is open if its public key is known: from a certificate, or from the
// fallback. Then the log says when they are there.
func TestServersAway(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	key := cert.PrivateKey.(crypto.Signer)
	path := filepath.Join(t.TempDir(), "s")
	uri := "keyserver:///web?unix=" + path
	log := new(testwait.Log)
	r := New(Options{Timeout: time.Minute, Logger: slog.New(slog.NewTextHandler(log, nil))})
	defer r.Close()
	chain, err := r.OpenChain(nil, nil, Named{"key", uri}, Named{"fallback-key", cert.KeyFile})
	if err != nil {
		t.Fatal(err)
	}
	if chain[0].Away == nil || !strings.HasPrefix(chain[0].Away.Error(), "-key: ") || chain[1].Away != nil {
		t.Errorf("%v, %v", chain[0].Away, chain[1].Away)
	}
	signer, err := r.Signer(nil, chain)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.(fallback.Signer).Close()
	checkSigner(t, signer, key) // by the fallback
	never := make(chan struct{})
	serveKeys(t, path, map[string]crypto.Signer{"web": key})
	log.Find(t, `level=INFO msg="the key is used from now on: its place is there" key=keyserver:///web`, never)
	checkSigner(t, chain[0].Private, key)

	other := filepath.Join(t.TempDir(), "o")
	known, err := r.OpenChain(key.Public(), nil, Named{"key", "keyserver:///api?unix=" + other})
	if err != nil || known[0].Away == nil {
		t.Fatalf("%v, %v", known, err)
	}
	serveKeys(t, other, map[string]crypto.Signer{"api": tlstest.NewCertificate(t).PrivateKey.(crypto.Signer)})
	log.Find(t, `level=ERROR msg="the key is not used" key=keyserver:///api error="the servers have another key of the name`, never)
}

// The certificate of the client is read again for each connection, and the last good one is shown
// while its files can't be used.
func TestClientCertificateAgain(t *testing.T) {
	server, client, next := tlstest.NewCertificate(t), tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	clients := x509.NewCertPool()
	clients.AddCert(client.Leaf)
	clients.AddCert(next.Leaf)
	key := tlstest.NewCertificate(t).PrivateKey.(crypto.Signer)
	s, err := keyserver.New(keyserver.Config{Keys: map[string]crypto.Signer{"web": key}, Allow: []byte("allow dns:localhost sign web\n")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	shown := make(chan string, 100)
	g := grpc.NewServer(append(keyserver.ServerOptions(), grpc.Creds(s.Credentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{server.Certificate}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		VerifyConnection: func(c tls.ConnectionState) error {
			shown <- string(c.PeerCertificates[0].Raw)
			return nil
		},
	}))))...)
	s.RegisterGRPC(g)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go g.Serve(ln)
	defer g.Stop()
	uri, err := keyuri.Parse("keyserver://" + ln.Addr().String() + "/web?ca=" + server.File + "&cert=" + client.File + "&key=" + client.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	log := new(testwait.Log)
	c, err := RemoteConfig(uri, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	connect := func(want *tlstest.Certificate) {
		t.Helper()
		e, err := remote.New(c)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		ctx, cancel := context.WithDeadline(t.Context(), testwait.Limit())
		defer cancel()
		if _, err := e.Signer(ctx, "web"); err != nil {
			t.Fatal(err)
		}
		if got := <-shown; got != string(want.Leaf.Raw) {
			t.Error("another certificate was shown")
		}
	}
	connect(client)
	for from, to := range map[string]string{next.File: client.File, next.KeyFile: client.KeyFile} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	connect(next)
	if err := os.Truncate(client.File, 0); err != nil {
		t.Fatal(err)
	}
	connect(next)
	if !strings.Contains(log.String(), "the certificate for key servers stays as it was") {
		t.Error(log)
	}
	if _, err := RemoteConfig(uri, nil); err == nil || !strings.Contains(err.Error(), "cert "+client.File) {
		t.Error(err)
	}
	uri.Cert, uri.CA = next.File, "none.pem"
	uri.Key = next.KeyFile
	if _, err := RemoteConfig(uri, nil); err == nil || !strings.HasPrefix(err.Error(), "ca none.pem: ") {
		t.Error(err)
	}
}
