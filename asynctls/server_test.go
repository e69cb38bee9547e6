package asynctls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"asynccrypto/asynctls"
)

// echo is a Handler that sends back what it gets.
type echo struct{}

func (echo) Open(*asynctls.ServerConn) error { return nil }

func (echo) Data(c *asynctls.ServerConn, p []byte) error { _, err := c.Write(p); return err }

func (echo) Closed(*asynctls.ServerConn, error) {}

// serve starts s on a port of its own and returns its address.
func serve(t testing.TB, s *asynctls.Server) string {
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
func serveOn(t testing.TB, s *asynctls.Server, ln net.Listener) string {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; err != asynctls.ErrServerClosed {
			t.Error(err)
		}
		if st := s.Stats(); st.Open+st.Handshaking != 0 || st.Accepted != st.Handshakes+st.Failed+st.TimedOut+st.Canceled {
			t.Errorf("%+v", st)
		}
	})
	return ln.Addr().String()
}

func TestServer(t *testing.T) {
	server, client := configs(t, newEngine(t))
	s := &asynctls.Server{TLS: server, Handler: echo{}, Loops: 2}
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

// Shutdown sends all that was written, and says close_notify.
func TestServerShutdown(t *testing.T) {
	server, client := configs(t, newEngine(t))
	s := &asynctls.Server{TLS: server, Handler: echo{}}
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
	time.Sleep(50 * time.Millisecond) // for the rest to be there
	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		down <- s.Shutdown(ctx)
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
