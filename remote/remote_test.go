package remote_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"asynccrypto/internal/testca"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/keyserver"
)

// A configuration that cannot work is refused.
func TestConfig(t *testing.T) {
	client := &tls.Config{Certificates: make([]tls.Certificate, 1)}
	for _, tt := range []struct {
		c    remote.Config
		want string
	}{
		{remote.Config{}, "Nodes is empty"},
		{remote.Config{Nodes: []string{"unix:"}}, "no path"},
		{remote.Config{Nodes: []string{"host"}, TLS: client}, "HOST:PORT"},
		{remote.Config{Nodes: []string{":1"}, TLS: client}, "HOST:PORT"},
		{remote.Config{Nodes: []string{"host:"}, TLS: client}, "HOST:PORT"},
		{remote.Config{Nodes: []string{"unix:/a", "host:1"}}, "TLS is nil"},
		{remote.Config{Nodes: []string{"host:1"}, TLS: &tls.Config{}}, "no certificate"},
		{remote.Config{Nodes: []string{"host:1"}, TLS: &tls.Config{MaxVersion: tls.VersionTLS12}}, "TLS 1.3"},
		{remote.Config{Nodes: []string{"unix:/a"}, Depth: -1}, "negative"},
		{remote.Config{Nodes: []string{"unix:/a"}, Timeout: -1}, "negative"},
	} {
		_, err := remote.New(tt.c)
		contains(t, err, tt.want)
	}
	given := &tls.Config{Certificates: make([]tls.Certificate, 1), MinVersion: tls.VersionTLS10}
	c, err := remote.Complete(remote.Config{Nodes: []string{"unix:/a", "[::1]:1", "unix:/a"}, TLS: given})
	if !slices.Equal(c.Nodes, []string{"unix:/a", "[::1]:1"}) {
		t.Errorf("the nodes are %q", c.Nodes)
	}
	if err != nil || c.TLS.MinVersion != tls.VersionTLS13 || given.MinVersion != tls.VersionTLS10 || c.Depth != 1024 || c.Timeout != 10*time.Second || c.Logger == nil {
		t.Errorf("%+v, %v", c, err)
	}
}

// The addresses of nodes.
func TestLookup(t *testing.T) {
	for node, want := range map[string]string{
		"unix:/run/a:b": "unix:/run/a:b", "127.0.0.1:7": "127.0.0.1:7", "[::1]:7": "[::1]:7", "localhost:7": "127.0.0.1:7",
	} {
		if addrs, err := remote.Lookup(t.Context(), node); err != nil || !slices.Contains(addrs, want) {
			t.Errorf("%s: %q, %v", node, addrs, err)
		}
	}
	if addrs, err := remote.Lookup(t.Context(), "nowhere.invalid:7"); err == nil { // RFC 6761, section 6.4
		t.Errorf("%q", addrs)
	}
}

// serveGRPC serves keys to a client on the network, by a certificate for a name, until the function that it
// returns is called.
func serveGRPC(t *testing.T, ca *testca.CA, addr, name string) (string, func()) {
	t.Helper()
	server, err := keyserver.New(keyserver.Config{Keys: testkeys.All(), Allow: []byte("allow dns:app sign rsa ecdsa ed25519\n")})
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(append(keyserver.ServerOptions(), grpc.Creds(server.Credentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, name, "127.0.0.1")}, ClientCAs: ca.Pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}))))...)
	server.RegisterGRPC(g)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	go g.Serve(l)
	var once sync.Once
	stop := func() { once.Do(func() { server.Close(); g.Stop() }) }
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// Real sockets: two nodes on the network, of which one is restarted, and one on a Unix socket.
func TestSockets(t *testing.T) {
	ca := testca.New(t)
	first, stop := serveGRPC(t, ca, "127.0.0.1:0", "localhost")
	second, _ := serveGRPC(t, ca, "127.0.0.1:0", "localhost")
	c := remote.Config{
		Nodes:  []string{first, second},
		TLS:    &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "app")}, RootCAs: ca.Pool},
		Logger: slog.New(slog.DiscardHandler),
	}
	if runtime.GOOS == "linux" { // others may not tell who the client is
		path := filepath.Join(t.TempDir(), "s")
		server, err := keyserver.New(keyserver.Config{Keys: testkeys.All(), Allow: fmt.Appendf(nil, "allow uid:%d sign rsa ecdsa ed25519\n", os.Getuid())})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go server.ServeUnix(l)
		t.Cleanup(func() { server.Close() })
		c.Nodes = append(c.Nodes, "unix:"+path)
	}
	e, err := remote.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	up := func() (n int) {
		for _, h := range e.Nodes() {
			if h.Up {
				n++
			}
		}
		return n
	}
	testwait.Await(t, "all nodes", func() bool { return up() == len(c.Nodes) })
	for name := range testkeys.All() {
		if name == "ed25519" {
			continue // sign makes a digest's signature
		}
		s, err := e.Signer(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := sign(s); err != nil {
			t.Error(err)
		}
	}
	keys, err := e.Keys(t.Context())
	if err != nil || len(keys) != 3 || len(keys[0].Nodes) != len(c.Nodes) {
		t.Errorf("%+v, %v", keys, err)
	}
	s := signerOf(t, e, "rsa")
	end := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if err := sign(s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	stop()
	testwait.Await(t, "the end of a node", func() bool { return up() == len(c.Nodes)-1 })
	serveGRPC(t, ca, first, "localhost")
	testwait.Await(t, "the node's return", func() bool { return up() == len(c.Nodes) })
	close(end)
	wg.Wait()

	// A client without a certificate of the authority's is nobody.
	other := testca.New(t)
	c.Nodes, c.Timeout = []string{second}, 500*time.Millisecond
	c.TLS = &tls.Config{Certificates: []tls.Certificate{other.Issue(t, "app")}, RootCAs: ca.Pool}
	stranger, err := remote.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := sign(signerOf(t, stranger, "rsa")); err == nil {
		t.Error("a stranger got a signature")
	}
}
