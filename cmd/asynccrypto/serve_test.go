package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// served is a serve that runs in this process.
type served struct {
	t       *testing.T
	addr    string
	log     *logBuffer
	signals chan os.Signal
	ended   chan struct{}
	err     error // once ended
}

// startServe runs serve on a port of its own. At the end of the test it is told to stop, and to have nothing to wait for.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	o, err := serveArguments(append([]string{"-addr", "127.0.0.1:0"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, log: new(logBuffer), signals: make(chan os.Signal), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = serveUntil(o, stdio{io.Discard, s.log}, s.signals)
	}()
	t.Cleanup(func() {
		if err := s.stop(); err != nil && !t.Failed() {
			t.Errorf("%v\n%s", err, s.log)
		}
	})
	s.addr = s.logged(`listening on (\S+)`)[1]
	return s
}

// logged waits for a line that matches.
func (s *served) logged(pattern string) []string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if found := re.FindStringSubmatch(s.log.String()); found != nil {
			return found
		}
		if over := s.over(); over || time.Now().After(deadline) {
			s.t.Fatalf("no line %q; ended: %v, %v\n%s", pattern, over, s.err, s.log)
		}
	}
}

// measured waits until the metrics have each of the lines, or one that begins with it, and returns them.
func (s *served) measured(lines ...string) string {
	s.t.Helper()
	url := s.logged(`metrics at (\S+)`)[1]
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		_, figures := get(s.t, http.DefaultClient, url)
		missing := ""
		for _, line := range lines {
			if !strings.Contains("\n"+figures, "\n"+line) {
				missing = line
			}
		}
		if missing == "" {
			return figures
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no %s in\n%s", missing, figures)
		}
	}
}

func (s *served) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *served) signal(sig os.Signal) {
	s.t.Helper()
	select {
	case s.signals <- sig:
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.t.Fatal("a signal was not taken")
	}
}

// stop has it drain and returns how it ended.
func (s *served) stop() error {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return s.err
	case <-time.After(time.Minute):
		s.t.Fatalf("did not end\n%s", s.log)
		return nil
	}
}

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

// Without anything it makes a certificate, says so, and shows what was negotiated, over HTTP/2 too.
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
			if engine == "workers" && !regexp.MustCompile(`engine +workers: [12] operations done, 0 failed, 0 of them`).MatchString(body) {
				t.Error(body)
			}
			client.CloseIdleConnections()
		}
		if said := s.logged(`SHA-256 fingerprint: ([0-9A-F:]+)`)[1]; strings.ReplaceAll(said, ":", "") != got {
			t.Errorf("said %s, is %s", said, got)
		}
		s.logged(`throw-away certificate, kept in memory only: CN=localhost.*RSA-2048`)
		s.logged(`skip the check, as with curl -k`)
		s.measured("go_goroutines ", `asynccrypto_server_handshakes_total{outcome="completed",server="https"} 2`)
		if engine == "workers" {
			s.measured(`asynccrypto_engine_operations_total{engine="workers",outcome="completed"} 2`)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		s.t = t
		if !strings.Contains(s.log.String(), "all connections have ended") {
			t.Error(s.log)
		}
	}
}

// Files are served as they are, but for what is hidden, outside, or no file.
func TestServeFiles(t *testing.T) {
	cert := newThrowAway(t)
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
	os.Symlink(filepath.Join(outside, "far"), filepath.Join(root, "link")) // where there are links
	os.Symlink("a.txt", filepath.Join(root, "near"))
	s := startServe(t, "-cert", cert.file, "-key", cert.keyFile, "-root", root)
	client := httpClient(t, &tls.Config{RootCAs: cert.pool}, true)
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

// Only a client with the right certificate is let in, and only the version that was asked for is spoken.
func TestServeClientCA(t *testing.T) {
	cert := newThrowAway(t)
	s := startServe(t, "-cert", cert.file, "-key", cert.keyFile, "-client-ca", cert.file, "-tls", "1.2")
	config := &tls.Config{RootCAs: cert.pool, Certificates: []tls.Certificate{cert.Certificate}}
	if _, body := get(t, httpClient(t, config, true), "https://"+s.addr); !strings.Contains(body, "TLS 1.2") {
		t.Error(body)
	}
	if _, err := httpClient(t, &tls.Config{RootCAs: cert.pool}, true).Get("https://" + s.addr); err == nil {
		t.Error("let in without a certificate")
	}
	s.logged(`handshake failed: 127\.0\.0\.1:\d+: tls: client didn't provide a certificate`)
	if _, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.pool, MinVersion: tls.VersionTLS13}); err == nil {
		t.Error("TLS 1.3 in spite of -tls 1.2")
	}
	s.logged(`handshake failed: 127\.0\.0\.1:\d+: tls: client offered only unsupported versions`)
}

// A hangup has the files read again; what is wrong with them is said, and changes nothing.
func TestServeReload(t *testing.T) {
	cert, next := newThrowAway(t), newThrowAway(t)
	s := startServe(t, "-cert", cert.file, "-key", cert.keyFile)
	served := func() []byte {
		c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	copyTo := func(to, from string) {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyTo(cert.file, next.file)
	s.signal(syscall.SIGHUP)
	s.logged(`the certificate stays as it was: key \S+ does not belong to the first certificate`)
	if !bytes.Equal(served(), cert.Leaf.Raw) {
		t.Error("another certificate")
	}
	copyTo(cert.keyFile, next.keyFile)
	s.signal(syscall.SIGHUP)
	s.logged(`(?s)stays as it was.*certificate \S+: CN=throw-away, ECDSA P-256, until`)
	for deadline := time.Now().Add(10 * time.Second); !bytes.Equal(served(), next.Leaf.Raw); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still the old certificate")
		}
	}
}

// Failed handshakes are logged with peer and cause, and a storm of them in a few lines; by net/http and by event loops.
func TestServeFailures(t *testing.T) {
	cert := newThrowAway(t)
	backend := listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	for _, args := range [][]string{nil, {"-proxy", backend}} {
		if args != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(args, "-cert", cert.file, "-key", cert.keyFile)...)
		for range 20 {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "SSH-2.0-none\r\n")
			io.Copy(io.Discard, c)
			c.Close()
		}
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		s.logged(`handshake failed: ` + c.LocalAddr().String() + `: the client closed the connection before it was done`)
		if _, err := tls.Dial("tcp", s.addr, &tls.Config{}); err == nil {
			t.Error("trusted")
		}
		s.logged(`handshake failed: 127\.0\.0\.1:\d+: remote error: tls: .*\(the client does not trust the certificate\)`)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		const cause = "tls: first record does not look like a TLS handshake"
		log := s.log.String()
		if n := len(regexp.MustCompile(`handshake failed: 127\.0\.0\.1:\d+: `+cause).FindAllString(log, -1)); n != failuresAtOnce {
			t.Errorf("%d lines\n%s", n, log)
		}
		if !strings.Contains(log, "handshake failed: "+cause+": 15 more within") {
			t.Error(log)
		}
	}
}

// The metrics have all that there is to know of the engine and of handshakes, by their outcome, of net/http's and of event
// loops. No secret is in them or in the log: not the key, nor what a client has sent in the clear by mistake.
func TestServeMetrics(t *testing.T) {
	cert := newThrowAway(t)
	backend := listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	for server, args := range map[string][]string{"https": nil, "proxy": {"-proxy", backend}} {
		if args != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(args, "-cert", cert.file, "-key", cert.keyFile, "-engine", "workers", "-metrics", "127.0.0.1:0")...)
		config := &tls.Config{RootCAs: cert.pool, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		open := `asynccrypto_server_connections{server="` + server + `",state="open"} `
		for range 2 { // the second is resumed
			c, err := tls.Dial("tcp", s.addr, config)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			s.measured(open + "1")
			c.Close()
			s.measured(open + "0")
		}
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		s.measured(`asynccrypto_server_connections{server="` + server + `",state="handshaking"} 1`)
		io.WriteString(c, "GET / HTTP/1.0\r\nAuthorization: Basic c2VjcmV0\r\n\r\n")
		io.Copy(io.Discard, c)
		c.Close()
		want := []string{}
		for _, line := range []string{
			`handshakes_total{outcome="completed",server=X} 2`, `handshakes_total{outcome="failed",server=X} 1`,
			`handshakes_total{outcome="timed_out",server=X} 0`, `handshakes_total{outcome="canceled",server=X} 0`,
			`handshakes_resumed_total{server=X} 1`, `connections_accepted_total{server=X} 3`,
			`jobs{server=X,state="running"} 0`, `jobs{server=X,state="paused"} 0`,
		} {
			want = append(want, "asynccrypto_server_"+strings.ReplaceAll(line, "X", fmt.Sprintf("%q", server)))
		}
		for _, line := range []string{
			`operations_total{engine="workers",outcome="completed"} 1`, `operations_in_flight{`, `operations_queued{`, `operations_waiting{`,
			`eagain_total{`, `batch_size_count{engine="workers"} 1`, `operation_duration_seconds_count{engine="workers"} 1`,
			`faults_caught_total{engine="workers"} 0`,
		} {
			want = append(want, "asynccrypto_engine_"+line)
		}
		said := s.measured(want...)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		said += s.log.String()
		key, err := os.ReadFile(cert.keyFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(strings.Fields(string(key))[3:5], "c2VjcmV0", "Authorization") {
			if len(secret) < 8 || strings.Contains(said, secret) {
				t.Errorf("%q is no secret, or is told:\n%s", secret, said)
			}
		}
	}
}

// The options that are numbers and times do what they say.
func TestServeOptions(t *testing.T) {
	cert := newThrowAway(t)
	backend := listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	t.Setenv("GOMAXPROCS", "")
	for _, args := range [][]string{nil, {"-proxy", backend, "-loops", "3", "-max-handshakes", "7"}} {
		if args != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(args, "-cert", cert.file, "-key", cert.keyFile, "-engine", "workers", "-workers", "5", "-nice", "0", "-idle", "200ms")...)
		s.logged(`engine workers, 5 workers: `)
		if args != nil {
			s.logged(`; 3 event loops, 7 handshakes at a time, GOMAXPROCS (9|\d\d)`)
		} else {
			s.logged(`, GOMAXPROCS ([6-9]|\d\d)`)
		}
		c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.pool})
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(9 * time.Second)) // before net/http's time for a request is over
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if got, err := io.ReadAll(c); err != nil || len(got) == 0 {
			t.Errorf("%d bytes of an answer, and then, when idle, %v", len(got), err)
		}
		c.Close()
	}
}

// What is under way when the command is told to stop is finished; what does not end is cut off, and that is a failure.
func TestServeDrainHTTP(t *testing.T) {
	cert := newThrowAway(t)
	root := t.TempDir()
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if err := os.WriteFile(filepath.Join(root, "large"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, finish := range []bool{true, false} {
		s := startServe(t, "-cert", cert.file, "-key", cert.keyFile, "-root", root, "-grace", map[bool]string{true: "30s", false: "0.2"}[finish])
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+s.addr+"/large", nil)
		resp, err := httpClient(t, &tls.Config{RootCAs: cert.pool}, true).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- s.stop() }()
		s.logged(`accepting no more; up to \S+ for 1 open connection to end`)
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
			s.err = nil
		}
		resp.Body.Close()
		cancel()
	}
}

// The real command, the real signal, and the real curl and openssl. In CI they must be there.
func TestServeRealClients(t *testing.T) {
	cert := newThrowAway(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte("it works\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(http.FileServer(http.Dir(root)))
	defer backend.Close()
	for _, what := range [][]string{{"-root", root}, {"-proxy", backend.Listener.Addr().String()}} {
		proxy := what[0] == "-proxy"
		if proxy && !hasProxy {
			continue
		}
		log := new(logBuffer)
		cmd := exec.Command("asynccrypto", append([]string{"serve", "-addr", "127.0.0.1:0", "-cert", cert.file, "-key", cert.keyFile}, what...)...)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s := &served{t: t, log: log, ended: make(chan struct{})}
		go func() {
			defer close(s.ended)
			s.err = cmd.Wait()
		}()
		t.Cleanup(func() { cmd.Process.Kill() })
		_, port, _ := net.SplitHostPort(s.logged(`listening on (\S+)`)[1])
		url, version2 := "https://localhost:"+port+"/", "2"
		if proxy {
			version2 = "1.1" // the backend speaks no other
		}
		curl := []string{"-sS", "--cacert", cert.file, "-w", "%{http_version} %{http_code}", url}
		realClient(t, "it works\n"+version2+" 200", "curl", append(curl, "--http2")...)
		realClient(t, "it works\n1.1 200", "curl", append(curl, "--http1.1", "--tls-max", "1.2")...)
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			realClient(t, "it works", "openssl", "s_client", "-connect", "localhost:"+port, version, "-CAfile", cert.file, "-verify_return_error", "-quiet")
		}
		if cmd.Process.Signal(syscall.SIGTERM) != nil {
			continue // Windows
		}
		<-s.ended
		if s.err != nil || !strings.Contains(log.String(), "all connections have ended") {
			t.Errorf("%v\n%s", s.err, log)
		}
	}
}

// realClient runs a program that asks for something, and wants it to succeed, and to print that.
func realClient(t *testing.T, want string, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") != "true" {
		t.Logf("%s is not installed", name)
		return
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}

// An address that can't be had is named, with what to do.
func TestServeAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, option := range []string{"-addr", "-metrics"} {
		var stderr bytes.Buffer
		args := []string{"serve", "-addr", "127.0.0.1:0", option, l.Addr().String()}
		status := run(args, stdio{io.Discard, &stderr})
		if want := option + " " + l.Addr().String() + ": "; status != exitFailure || !strings.Contains(stderr.String(), want) ||
			!strings.Contains(stderr.String(), "something listens there already") {
			t.Errorf("status %d: %s", status, &stderr)
		}
	}
}
