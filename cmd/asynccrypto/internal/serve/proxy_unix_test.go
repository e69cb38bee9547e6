//go:build unix

package serve

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

const hasProxy = true

// proxied starts serve -proxy and returns it with a configuration for its clients.
func proxied(t *testing.T, backend string, args ...string) (*served, *tls.Config) {
	t.Helper()
	cert := tlstest.NewCertificate(t)
	s := startServe(t, append([]string{"-cert", cert.File, "-key", cert.KeyFile, "-proxy", backend}, args...)...)
	return s, &tls.Config{RootCAs: cert.Pool}
}

func dialTLS(t *testing.T, s *served, config *tls.Config) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", s.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(testwait.Limit())
	return c
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// halfCloser is implemented by *net.TCPConn and *net.UnixConn.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// echoBackend sends back all that it receives, and then ends its direction. It hides that c can
// copy by splice(2): the pipes for that stay open in a pool of package net until garbage
// collections close them, and look like files that serve has left open.
func echoBackend(_ int, c net.Conn) {
	io.Copy(struct{ io.Writer }{c}, c)
	c.(halfCloser).CloseWrite()
}

// Large transfers in both directions at once arrive whole, over many connections, before backends
// on TCP and on unix sockets.
func TestServeProxyEcho(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	tlstest.Serve(t, l, echoBackend)
	for _, backend := range []string{tlstest.Listen(t, echoBackend), "unix:" + path} {
		for _, engine := range []string{"workers", "none"} {
			s, config := proxied(t, backend, "-engine", engine, "-loops", "2")
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() {
					config := config.Clone()
					config.MaxVersion = []uint16{tls.VersionTLS12, tls.VersionTLS13}[i%2]
					c, err := tls.Dial("tcp", s.addr, config)
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					sent := randomBytes(5<<20 + i)
					all.Go(func() {
						c.Write(sent)
						c.CloseWrite()
					})
					if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
						t.Errorf("%s: %d of %d bytes, %v", backend, len(got), len(sent), err)
					}
				})
			}
			all.Wait()
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
}

// When one direction ends, the other side sees that, and the other direction goes on.
func TestServeProxyHalfClose(t *testing.T) {
	// The client ends first, and the backend answers only then.
	backend := tlstest.Listen(t, func(_ int, c net.Conn) {
		got, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		c.Write(append(got, " and out"...))
	})
	s, config := proxied(t, backend, "-metrics", "127.0.0.1:0")
	c := dialTLS(t, s, config)
	s.measured(`asynccrypto_server_connections{server="proxy",state="open"} 1`) // the client may have finished its handshake before the server
	io.WriteString(c, "over")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != "over and out" {
		t.Errorf("%q, %v", got, err)
	}
	_, figures := get(t, http.DefaultClient, s.Logged(`metrics at (\S+)`)[1])
	if !strings.Contains(figures, `asynccrypto_server_handshakes_total{outcome="completed",server="proxy"} 1`) {
		t.Error(figures)
	}

	// The backend ends first, and still receives much.
	received := make(chan int, 1)
	backend = tlstest.Listen(t, func(_ int, c net.Conn) {
		io.WriteString(c, "that's all")
		c.(halfCloser).CloseWrite()
		n, err := io.Copy(io.Discard, c)
		if err != nil {
			t.Error(err)
		}
		received <- int(n)
	})
	s, config = proxied(t, backend)
	c = dialTLS(t, s, config)
	if got, err := io.ReadAll(c); err != nil || string(got) != "that's all" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Write(make([]byte, 3<<20)); err != nil {
		t.Error(err)
	}
	c.CloseWrite()
	if n := <-received; n != 3<<20 {
		t.Errorf("%d bytes", n)
	}
}

// If the backend is down, or accepts nothing, the client loses its connection and the log gets a
// line.
func TestServeProxyBackendDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	down := func(backend, want string, args ...string) {
		t.Helper()
		s, config := proxied(t, backend, args...)
		c := dialTLS(t, s, config)
		io.WriteString(c, "hello")
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("%s: %d bytes, %v", backend, n, err)
		}
		s.Logged(`backend ` + backend + `: for ` + c.LocalAddr().String() + `: ` + want)
	}
	down(l.Addr().String(), "connection refused")
	dir := t.TempDir()
	down("unix:"+filepath.Join(dir, "none"), "no such file or directory")

	// The queue of a listener is full. Once the listener accepts again, the connection succeeds.
	path := filepath.Join(dir, "full")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		return // other systems refuse the connection
	}
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	down("unix:"+path, `no connection within 100ms \(-dial-timeout\)`, "-dial-timeout", "100ms")
	s, config := proxied(t, "unix:"+path)
	c := dialTLS(t, s, config)
	time.Sleep(30 * time.Millisecond) // time for a first attempt
	taken, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	tlstest.Serve(t, taken, echoBackend)
	io.WriteString(c, "hello")
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	first.Close()
}

// A connection that breaks on one side does not end in an orderly way on the other.
func TestServeProxyBreaks(t *testing.T) {
	said := make(chan error, 1)
	backend := tlstest.Listen(t, func(n int, c net.Conn) {
		if n == 0 {
			c.Write(make([]byte, 100))
			io.ReadFull(c, make([]byte, 5))
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		_, err := io.Copy(io.Discard, c)
		said <- err
	})
	s, config := proxied(t, backend)
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	seen := &recorder{Conn: raw}
	config.ServerName = "127.0.0.1"
	config.MaxVersion = tls.VersionTLS12 // TLS 1.3 hides the type of a record
	c := tls.Client(seen, config)
	c.SetDeadline(testwait.Limit())
	io.WriteString(c, "hello")
	if got, _ := io.ReadAll(c); len(got) != 100 {
		t.Errorf("%d bytes before the reset", len(got))
	}
	s.Logged(`backend ` + backend + `: for ` + raw.LocalAddr().String() + `: (connection reset by peer|broken pipe)`)
	if bytes.Contains(seen.read, []byte{21, 3, 3}) { // an alert, which could only be close_notify
		t.Error("close_notify for a backend that broke off")
	}

	c = dialTLS(t, s, config)
	io.WriteString(c, "hello")
	time.Sleep(50 * time.Millisecond) // time for the backend to read it
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
	if err := <-said; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the backend saw %v", err)
	}
	s.Logged(`connection failed: ` + c.LocalAddr().String() + `: connection reset by peer`)

	c = dialTLS(t, s, config)
	io.WriteString(c, "hello")
	io.WriteString(c.NetConn(), "no record of TLS")
	if err := <-said; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the backend saw %v", err)
	}
	s.Logged(`connection failed: ` + c.LocalAddr().String() + `: tls: `)
}

// recorder keeps the bytes that a connection has read.
type recorder struct {
	net.Conn
	read []byte
}

func (l *recorder) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.read = append(l.read, p[:n]...)
	return n, err
}
