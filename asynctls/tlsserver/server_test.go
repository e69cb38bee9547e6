//go:build unix

package tlsserver_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
	"asynccrypto/reactor"
)

// echo is a Handler that sends its input back.
type echo struct{}

func (echo) Open(*tlsserver.Conn) error { return nil }

func (echo) Data(c *tlsserver.Conn, p []byte) error { _, err := c.Write(p); return err }

func (echo) Closed(*tlsserver.Conn, error) {}

// serve starts s on a port of its own and returns its address.
func serve(t testing.TB, s *tlsserver.Server) string {
	t.Helper()
	return serveOn(t, s, listen(t, "tcp", "127.0.0.1:0"))
}

func listen(t testing.TB, network, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serveOn is serve on a listener. At the end all that was accepted must be accounted for.
func serveOn(t testing.TB, s *tlsserver.Server, ln net.Listener) string {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; err != tlsserver.ErrClosed {
			t.Error(err)
		}
		if st := s.Stats(); st.Open+st.Handshaking != 0 || st.Accepted != st.Handshakes+st.Failed+st.TimedOut+st.Canceled {
			t.Errorf("%+v", st)
		}
	})
	return ln.Addr().String()
}

func TestServer(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 2}
	addr := serve(t, s)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			c, err := tls.Dial("tcp", addr, client)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			sent := bytes.Repeat([]byte{byte(i)}, 100_000)
			go c.Write(sent)
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Accepted != 40 || st.Handshakes != 40 {
		t.Errorf("%+v", st)
	}
}

// There are as many loops as asked for, and each gets its share of the connections.
func TestServerLoops(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	var mu sync.Mutex
	shares := make(map[*reactor.Loop]int)
	s := &tlsserver.Server{TLS: server, Loops: 3, Handler: &funcs{open: func(c *tlsserver.Conn) error {
		mu.Lock()
		defer mu.Unlock()
		shares[c.Loop()]++
		return nil
	}}}
	addr := serve(t, s)
	for range 12 {
		ask(t, dial(t, addr, client), "hello")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, n := range shares {
		if len(shares) != 3 || n != 4 {
			t.Error(shares)
		}
	}
}

// Features of crypto/tls: client certificates, ALPN and resumption, in both versions.
func TestServerFeatures(t *testing.T) {
	e := tlstest.NewEngine(t)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	states := make(chan tls.ConnectionState, 1)
	s := &tlsserver.Server{
		TLS: asynctls.Config(&tls.Config{
			Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)}, NextProtos: []string{"a", "b"},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: tlstest.RootsOf(cert),
		}),
		Handler: &funcs{open: func(c *tlsserver.Conn) error { states <- c.ConnectionState(); return nil }},
	}
	addr := serve(t, s)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := asynctls.Config(&tls.Config{
			RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", MaxVersion: version, NextProtos: []string{"c", "b"},
			Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		})
		for _, resumed := range []bool{false, true} {
			c := dial(t, addr, client)
			ask(t, c, "hello") // with the ticket before it
			st := testwait.Receive(t, "Open", states)
			if st.Version != version || st.DidResume != resumed || st.NegotiatedProtocol != "b" || len(st.PeerCertificates) != 1 {
				t.Errorf("%x, resumed %v, %q, %d certificates", st.Version, st.DidResume, st.NegotiatedProtocol, len(st.PeerCertificates))
			}
			c.Close()
		}
	}
	strangers := &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test"}
	if c, err := tls.Dial("tcp", addr, strangers); err == nil { // in TLS 1.3 the client is done before it is refused
		if _, err = c.Read(make([]byte, 1)); err == nil {
			t.Error("let in without a certificate")
		}
		c.Close()
	}
	testwait.Await(t, "the failure", func() bool { return s.Stats().Failed == 1 })
	if st := s.Stats(); st.Handshakes != 4 || st.Resumed != 2 {
		t.Errorf("%+v", st)
	}
}

// Shutdown sends all that was written, and sends close_notify.
func TestServerShutdown(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	var read atomic.Int64
	s := &tlsserver.Server{TLS: server, Handler: &funcs{data: func(c *tlsserver.Conn, p []byte) error {
		read.Add(int64(len(p)))
		return echo{}.Data(c, p)
	}}}
	c, err := tls.Dial("tcp", serve(t, s), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	if _, err := c.Write(sent); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	testwait.Await(t, "the server to have read it", func() bool { return read.Load() == int64(len(sent)) })
	down := make(chan error, 1)
	go func() {
		down <- s.Shutdown(t.Context())
	}()
	got, err := io.ReadAll(c)
	if err != nil || len(got) != len(sent)-16 {
		t.Error(len(got), err)
	}
	c.Close()
	if err := <-down; err != nil {
		t.Error(err)
	}
}
