package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
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
