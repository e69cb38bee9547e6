package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// stalling is a connection whose client stops reading after a while.
type stalling struct {
	net.Conn
	left    int
	stalled func()
	over    <-chan struct{}
}

func (s *stalling) Read(p []byte) (int, error) {
	if s.left <= 0 {
		s.stalled()
		<-s.over
		return 0, net.ErrClosed
	}
	n, err := s.Conn.Read(p)
	s.left -= n
	return n, err
}

// A client that stops, whatever it is doing, is disconnected after -idle.
func TestServeStalledClients(t *testing.T) {
	root := t.TempDir()
	big, err := os.Create(filepath.Join(root, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := big.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	cert := tlstest.NewCertificate(t)
	// raw sends a request over HTTP/1.1 and does nothing more.
	raw := func(request string) func(*testing.T, string, *tls.Config) {
		return func(t *testing.T, addr string, config *tls.Config) {
			c, err := tls.Dial("tcp", addr, config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, stall := range map[string]func(t *testing.T, addr string, config *tls.Config){
		"body":            raw("GET /dir HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"),
		"body in chunks":  raw("GET /dir HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
		"HTTP/1 response": raw("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"HTTP/2 stream": func(t *testing.T, addr string, config *tls.Config) {
			resp, err := httpClient(t, config, true).Get("https://" + addr + "/big")
			if err != nil {
				t.Fatal(err)
			}
			if resp.ProtoMajor != 2 {
				t.Fatal(resp.Proto)
			}
			t.Cleanup(func() { resp.Body.Close() })
		},
		"HTTP/2 connection": func(t *testing.T, addr string, config *tls.Config) {
			c := httpClient(t, config, true)
			stalled, over := make(chan struct{}), make(chan struct{})
			c.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &stalling{conn, 64 << 10, sync.OnceFunc(func() { close(stalled) }), over}, err
			}
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			t.Cleanup(func() { close(over); cancel(); all.Wait() })
			for i := range 8 { // more than the sockets hold
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s/big?%d", addr, i), nil)
				all.Go(func() {
					if resp, err := c.Do(r); err == nil {
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				})
			}
			<-stalled
		},
	} {
		t.Run(strings.ReplaceAll(name, "/", ""), func(t *testing.T) {
			t.Parallel()
			s := startServe(t, "-engine", "none", "-cert", cert.File, "-key", cert.KeyFile, "-root", root, "-idle", "2s",
				"-grace", "500ms", "-metrics", "127.0.0.1:0")
			figures := s.Logged(`metrics at (\S+)`)[1]
			open := func(n string) bool {
				_, text := get(t, http.DefaultClient, figures)
				return strings.Contains(text, "\nasynccrypto_server_connections{server=\"https\",state=\"open\"} "+n+"\n")
			}
			stall(t, s.addr, &tls.Config{RootCAs: cert.Pool, ServerName: "localhost"})
			testwait.Await(t, "the end of the connection", func() bool { return open("0") })
		})
	}
}
