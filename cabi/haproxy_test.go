//go:build unix

package cabi

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// HAProxy starts jobs only with ssl-mode-async. It inherits the socket from the test, as
// descriptor 3.
const haproxyConfig = `
global
    ssl-mode-async
    nbthread 2
    tune.ssl.cachesize 0
defaults
    mode http
    timeout connect 1m
    timeout client 1m
    timeout server 1m
frontend f
    bind fd@3 ssl crt %s
    http-request return status 200 content-type text/plain string "hello"
`

// Debian's HAProxy is built without the keyword ssl-engine, so OpenSSL's own configuration loads
// the engine.
const opensslConfig = `
openssl_conf = init
[init]
engines = engines
[engines]
asyncengine = asyncengine
[asyncengine]
dynamic_path = %s
default_algorithms = ALL
`

// TestHAProxy runs HAProxy with two threads under eight clients at once.
func TestHAProxy(t *testing.T) {
	t.Parallel()
	dir, e := plain(t), engine(t)
	need(t, "haproxy")
	about := run(t, nil, "haproxy", "-vv")
	if !strings.Contains(about, "+OPENSSL") || !strings.Contains(about, "OpenSSL version : OpenSSL 3") {
		without(t, "this HAProxy is not built with OpenSSL 3: "+about)
	}
	cert, key := certificate(t, "rsa")
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	read := func(file string) []byte {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	both := write("both.pem", string(read(cert))+string(read(key)))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(cert))
	cfg := write("haproxy.cfg", fmt.Sprintf(haproxyConfig, both))
	conf := "OPENSSL_CONF=" + write("openssl.cnf", fmt.Sprintf(opensslConfig, e))
	for name, env := range map[string][]string{"libcrypto": nil, "libasync": preload(dir)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			socket, err := l.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			cmd := command(t, append([]string{conf}, env...), "haproxy", "-db", "-f", cfg)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &out, []*os.File{socket}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			each := repetitions(5, 100)
			handshakes := 0
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				config := &tls.Config{ServerName: "localhost", RootCAs: roots, MinVersion: version, MaxVersion: version}
				var clients sync.WaitGroup
				for range 8 {
					handshakes += each
					clients.Go(func() {
						for range each {
							if err := get(l.Addr().String(), config); err != nil {
								t.Errorf("TLS %x: %v", version, err)
								return
							}
						}
					})
				}
				clients.Wait()
			}
			cmd.Process.Signal(syscall.SIGUSR1) // ends it when its connections have ended
			if err := cmd.Wait(); err != nil {
				t.Errorf("haproxy: %v\n%s", err, out.String())
			}
			if env != nil && !t.Failed() {
				if n := pauses(t, out.String()); n < handshakes {
					t.Errorf("%d pauses in %d handshakes", n, handshakes)
				}
			}
		})
	}
}

// get makes a connection and one request.
func get(addr string, config *tls.Config) error {
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err == nil && !bytes.HasSuffix(answer, []byte("\r\n\r\nhello")) {
		err = fmt.Errorf("it answers %q", answer)
	}
	return err
}
