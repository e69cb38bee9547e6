//go:build unix

package tlsserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// Several listeners, of all kinds that there are. Each gets its turn, also with fewer places
// than listeners.
func TestServerListeners(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	path := filepath.Join(t.TempDir(), "s")
	remotes := make(chan net.Addr, 1)
	s := &tlsserver.Server{TLS: server, MaxPending: 1, Loops: 2, Handler: &funcs{
		open: func(c *tlsserver.Conn) error { remotes <- c.RemoteAddr(); return nil },
	}}
	addrs := []net.Addr{}
	for network, addr := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "tcp": ":0", "unix": path} {
		ln, err := net.Listen(network, addr)
		if err != nil && network == "tcp6" {
			t.Log("no IPv6 here:", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		serveOn(t, s, ln)
		addrs = append(addrs, ln.Addr())
	}
	for range 3 {
		for _, addr := range addrs {
			dialed := addr.String()
			if strings.HasPrefix(dialed, "[::]:") {
				dialed = "127.0.0.1" + strings.TrimPrefix(dialed, "[::]")
			}
			c, err := tls.Dial(addr.Network(), dialed, client)
			if err != nil {
				t.Fatal(err)
			}
			ask(t, c, "hello")
			if r := <-remotes; r.Network() != addr.Network() || addr.Network() == "tcp" && r.String() != c.LocalAddr().String() {
				t.Error(r.Network(), r)
			}
			if st := s.Stats(); st.Handshaking != 0 {
				t.Errorf("%+v", st)
			}
			c.Close()
		}
	}
	s.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the unix socket's name is left:", err)
	}
}

type refusing struct{ *net.TCPListener }

// The error of a listener that cannot be served tells the caller which one to use.
func TestServerWrongListener(t *testing.T) {
	server, _ := tlstest.Configs(t, tlstest.NewEngine(t))
	s := &tlsserver.Server{TLS: server, Handler: echo{}}
	ln := listen(t, "tcp", "127.0.0.1:0")
	for _, ln := range []net.Listener{tls.NewListener(ln, server), refusing{ln.(*net.TCPListener)}} {
		if err := s.Serve(ln); err == nil || !strings.Contains(err.Error(), "net.Listen") {
			t.Error(err)
		}
	}
	if ln, err := net.Listen("unixpacket", filepath.Join(t.TempDir(), "s")); err == nil { // not everywhere
		if err := s.Serve(ln); err == nil || err == tlsserver.ErrClosed {
			t.Error(err)
		}
	}
	ln = listen(t, "tcp", "127.0.0.1:0")
	ln.Close()
	if err := s.Serve(ln); err == nil || err == tlsserver.ErrClosed {
		t.Error(err)
	}
	for _, s := range []*tlsserver.Server{{}, {TLS: server}, {Handler: echo{}}, {TLS: server, Handler: echo{}, Loops: -1}} {
		if err := s.Serve(listen(t, "tcp", "127.0.0.1:0")); err == nil {
			t.Error("served")
		}
	}
}

// MaxConns holds a further connection back until one ends, however that one ends, and Shutdown does
// not wait for a place.
func TestServerMaxConns(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	s := &tlsserver.Server{TLS: server, Handler: echo{}, MaxConns: 2}
	addr := serve(t, s)
	for _, end := range []func(c *tls.Conn){
		func(c *tls.Conn) { c.Close() },
		func(c *tls.Conn) { c.NetConn().(*net.TCPConn).SetLinger(0); c.NetConn().Close() },
	} {
		a, raw := dial(t, addr, client), dialRaw(t, addr) // one open, and one whose handshake has not begun
		testwait.Await(t, "both connections", func() bool { st := s.Stats(); return st.Open == 1 && st.Handshaking == 1 })
		third := dialRaw(t, addr)
		c := tls.Client(third, client)
		done := make(chan error, 1)
		go func() { done <- c.Handshake() }()
		select {
		case err := <-done:
			t.Errorf("a third connection: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		end(a)
		if err := testwait.Receive(t, "the third connection's handshake", done); err != nil {
			t.Error(err)
		}
		raw.Close()
		c.Close()
		testwait.Await(t, "the end of all", func() bool { st := s.Stats(); return st.Open+st.Handshaking == 0 })
	}
	dial(t, addr, client)
	dial(t, addr, client)
	dialRaw(t, addr) // waits for a place
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
