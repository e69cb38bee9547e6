//go:build unix

package serve

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/cmd/asynccrypto/internal/listen"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// A unix socket takes connections, with files and with a backend. One that was left behind is taken
// over, and one that is in use is not.
func TestServeUnixSocket(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	for _, args := range [][]string{nil, {"-proxy", backend}} {
		path := filepath.Join(t.TempDir(), "socket")
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Close(fd)); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-cert", cert.File, "-key", cert.KeyFile, "-addr", "unix:"+path)
		s := startServe(t, args...)
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		client := tls.Client(c, &tls.Config{RootCAs: cert.Pool, ServerName: "localhost"})
		io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		if _, err := listen.Unix("addr", "unix:"+path, path, 0); !errors.Is(err, syscall.EADDRINUSE) {
			t.Error(err)
		}
		client.Close()
		bad, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(bad, "SSH-2.0-none\r\n")
		io.Copy(io.Discard, bad)
		bad.Close()
		s.Logged(`handshake failed: \S.*: tls: first record`)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Error("the socket is left")
		}
	}
}

// /healthz is 200 until the server has been told to stop, while open connections go on. The
// certificate's expiry is among the metrics.
func TestServeHealth(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-proxy", backend, "-metrics", "127.0.0.1:0")
	url := strings.Replace(s.Logged(`metrics at (\S+)`)[1], "/metrics", "/healthz", 1)
	if resp, body := get(t, http.DefaultClient, url); resp.StatusCode != http.StatusOK || body != "ok\n" {
		t.Error(resp.Status, body)
	}
	expires := func() string {
		return regexp.MustCompile(`asynccrypto_certificate_expiry_timestamp_seconds\{file="` + cert.File + `"\} (\S+)`).FindStringSubmatch(s.measured())[1]
	}
	if got, err := strconv.ParseFloat(expires(), 64); err != nil || int64(got) != cert.Leaf.NotAfter.Unix() {
		t.Error(got, err)
	}
	c := dialTLS(t, s, &tls.Config{RootCAs: cert.Pool})
	io.WriteString(c, "hello")
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	s.Logged(`accepting no more`)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if resp, _ := get(t, http.DefaultClient, url); resp.StatusCode == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("still healthy")
		}
	}
	c.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
