package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

func httpClient(t *testing.T, config *tls.Config, protocol2 bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: protocol2}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Without -cert, -root and -proxy the command makes a certificate, logs that, and serves a page
// that shows the negotiated parameters, over HTTP/2 too.
func TestServePage(t *testing.T) {
	for _, engine := range []string{"", "workers", "none"} {
		args := []string{"-metrics", "127.0.0.1:0"}
		if engine != "" {
			args = append(args, "-engine", engine)
		}
		s := startServe(t, args...)
		var got string
		config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", VerifyConnection: func(c tls.ConnectionState) error {
			got = fmt.Sprintf("%X", sha256.Sum256(c.PeerCertificates[0].Raw))
			return c.PeerCertificates[0].VerifyHostname("localhost")
		}}
		for _, protocol2 := range []bool{false, true} {
			client := httpClient(t, config.Clone(), protocol2)
			resp, body := get(t, client, "https://"+s.addr)
			want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[protocol2]
			if resp.Proto != want || !strings.Contains(body, "protocol     "+want) || !strings.Contains(body, "version      TLS 1.3") {
				t.Errorf("%s: %s", resp.Proto, body)
			}
			if engine == "workers" && !regexp.MustCompile(`engine +workers: [12] operations? done, 0 failed, 0 of them`).MatchString(body) {
				t.Error(body)
			}
			client.CloseIdleConnections()
		}
		if said := s.Logged(`SHA-256 fingerprint: ([0-9A-F:]+)`)[1]; strings.ReplaceAll(said, ":", "") != got {
			t.Errorf("said %s, is %s", said, got)
		}
		s.Logged(`throw-away certificate, kept in memory only: CN=localhost.*RSA-2048`)
		s.Logged(`skip the check, as with curl -k`)
		s.measured("go_goroutines ", `asynccrypto_server_handshakes_total{outcome="completed",server="https"} 2`)
		if engine == "workers" {
			s.measured(`asynccrypto_engine_operations_total{engine="workers",outcome="completed"} 2`)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		s.T = t
		if !strings.Contains(s.Log.String(), "all connections have ended") {
			t.Error(s.Log)
		}
	}
}

// Files are served unchanged, except those that are hidden, outside the root, or not regular.
func TestServeFiles(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	root, outside := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "aaa", "dir/b": "bbb", ".env": "secret", ".git/config": "secret", ".well-known/acme": "ok", "dir/.c": "secret",
	} {
		name = filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "far"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	os.Symlink(filepath.Join(outside, "far"), filepath.Join(root, "link")) // where the system has links
	os.Symlink("a.txt", filepath.Join(root, "near"))
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-root", root)
	client := httpClient(t, &tls.Config{RootCAs: cert.Pool}, true)
	for path, want := range map[string]string{
		"/a.txt": "aaa", "/dir/b": "bbb", "/.well-known/acme": "ok",
		"/.env": "", "/.git/config": "", "/.git/": "", "/dir/.c": "", "/link": "", "/none": "", "/..%2f..%2fetc/passwd": "", "/dir/../.env": "",
	} {
		resp, body := get(t, client, "https://"+s.addr+path)
		if want == "" && resp.StatusCode == http.StatusBadRequest {
			continue
		}
		if (want == "") != (resp.StatusCode == http.StatusNotFound) || want != "" && body != want {
			t.Errorf("%s: %s, %q", path, resp.Status, body)
		}
		if resp.Proto != "HTTP/2.0" {
			t.Error(resp.Proto)
		}
	}
	if _, body := get(t, client, "https://"+s.addr+"/"); !strings.Contains(body, "a.txt") || !strings.Contains(body, ".well-known") ||
		strings.Contains(body, ".env") || strings.Contains(body, ".git") {
		t.Error(body)
	}
	resp, err := client.Post("https://"+s.addr+"/a.txt", "text/plain", strings.NewReader("x"))
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp, err)
	}
	resp.Body.Close()
}

// A response in progress when the command is told to stop is finished. If it does not end in time
// it is cut off, and the command fails.
func TestServeDrainHTTP(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	root := t.TempDir()
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if err := os.WriteFile(filepath.Join(root, "large"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, finish := range []bool{true, false} {
		s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-root", root, "-grace", map[bool]string{true: "30s", false: "0.2"}[finish])
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.addr+"/large", nil)
		resp, err := httpClient(t, &tls.Config{RootCAs: cert.Pool}, true).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop() }()
		s.Logged(`accepting no more; up to \S+ for 1 open connection to end`)
		if finish {
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		} else if err := <-stopped; !errors.Is(err, errNotDrained) || !strings.Contains(err.Error(), "1 connection had not ended after 200ms") {
			t.Error(err)
		} else {
			s.Err = nil
		}
		resp.Body.Close()
		cancel()
	}
}

// -access logs each request with its outcome, and -log json makes every line an object.
func TestServeAccess(t *testing.T) {
	cert, root := tlstest.NewCertificate(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-root", root, "-access")
	client := httpClient(t, &tls.Config{RootCAs: cert.Pool}, true)
	get(t, client, "https://"+s.addr+"/a?x")
	s.Logged(`127\.0\.0\.1:\d+: GET /a\?x HTTP/2\.0: 200, 5 bytes, \S+s`)
	get(t, client, "https://"+s.addr+"/none%0a")
	s.Logged(`127\.0\.0\.1:\d+: GET /none%0a HTTP/2\.0: 404, \d+ bytes, `)
	s = startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-root", root, "-access", "-log", "json")
	get(t, client, "https://"+s.addr+"/a")
	s.Logged(`"msg":"request","peer":"127\.0\.0\.1:\d+","method":"GET","path":"/a","protocol":"HTTP/2\.0","status":200,"bytes":5,`)
	for line := range strings.Lines(s.Log.String()) {
		if !json.Valid([]byte(line)) {
			t.Error(line)
		}
	}
}
