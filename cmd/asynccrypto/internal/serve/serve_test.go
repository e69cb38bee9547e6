package serve

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// served is a serve command that runs in this process.
type served struct {
	t       *testing.T
	addr    string
	log     *tlstest.Log
	signals chan os.Signal
	ended   chan struct{}
	err     error // valid once ended is closed
}

// parse returns the options that the arguments give.
func parse(t *testing.T, args ...string) *options {
	t.Helper()
	var got *options
	c := *Command
	c.Setup = func(f *cli.Flags) cli.Run {
		o := newOptions(f)
		return func([]string, cli.Stdio) error {
			got = o
			return o.check(f)
		}
	}
	var stderr bytes.Buffer
	if status := c.Main(args, cli.Stdio{Out: io.Discard, Err: &stderr}); status != cli.ExitOK {
		t.Fatal(stderr.String())
	}
	return got
}

// startServe runs serve on a free port, unless the arguments say otherwise. At the end of the test
// it is told to stop, and should have no connections left.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	if !slices.Contains(args, "-addr") {
		args = append([]string{"-addr", "127.0.0.1:0"}, args...)
	}
	o := parse(t, args...)
	s := &served{t: t, log: new(tlstest.Log), signals: make(chan os.Signal), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = serveUntil(o, cli.Stdio{Out: io.Discard, Err: s.log}, s.signals)
	}()
	t.Cleanup(func() {
		if err := s.stop(); err != nil && !t.Failed() {
			t.Errorf("%v\n%s", err, s.log)
		}
	})
	s.addr = s.logged(`listening on ([^ "\n]+)`)[1]
	return s
}

// logged waits for a line of the log that matches, and returns the match and its groups.
func (s *served) logged(pattern string) []string {
	s.t.Helper()
	return s.log.Find(s.t, pattern, s.ended)
}

// measured waits until the metrics have each of the lines, or lines that begin with them, and
// returns the metrics.
func (s *served) measured(lines ...string) string {
	s.t.Helper()
	url := s.logged(`metrics at (\S+)`)[1]
	for limit := testwait.Limit(); ; time.Sleep(time.Millisecond) {
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
		if time.Now().After(limit) {
			s.t.Fatalf("no %s in\n%s", missing, figures)
		}
	}
}

func (s *served) signal(sig os.Signal) {
	s.t.Helper()
	select {
	case s.signals <- sig:
	case <-s.ended:
	case <-time.After(time.Until(testwait.Limit())):
		s.t.Fatal("a signal was not taken")
	}
}

// stop tells it to stop, and returns its error.
func (s *served) stop() error {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return s.err
	case <-time.After(time.Until(testwait.Limit())):
		s.t.Fatalf("did not end\n%s", s.log)
		return nil
	}
}

// Only a client with the right certificate is admitted, and only with the version of -tls.
func TestServeClientCA(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-client-ca", cert.File, "-tls", "1.2")
	config := &tls.Config{RootCAs: cert.Pool, Certificates: []tls.Certificate{cert.Certificate}}
	if _, body := get(t, httpClient(t, config, true), "https://"+s.addr); !strings.Contains(body, "TLS 1.2") {
		t.Error(body)
	}
	if _, err := httpClient(t, &tls.Config{RootCAs: cert.Pool}, true).Get("https://" + s.addr); err == nil {
		t.Error("let in without a certificate")
	}
	s.logged(`handshake failed: 127\.0\.0\.1:\d+: tls: client didn't provide a certificate`)
	if _, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool, MinVersion: tls.VersionTLS13}); err == nil {
		t.Error("TLS 1.3 in spite of -tls 1.2")
	}
	s.logged(`handshake failed: 127\.0\.0\.1:\d+: tls: client offered only unsupported versions`)
}

// SIGHUP makes serve read the files again. If they are wrong, it says so and keeps the
// certificate.
func TestServeReload(t *testing.T) {
	cert, next := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile)
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
	copyTo(cert.File, next.File)
	s.signal(syscall.SIGHUP)
	s.logged(`the certificate stays as it was: key \S+ does not belong to the first certificate`)
	if !bytes.Equal(served(), cert.Leaf.Raw) {
		t.Error("another certificate")
	}
	copyTo(cert.KeyFile, next.KeyFile)
	s.signal(syscall.SIGHUP)
	s.logged(`(?s)stays as it was.*certificate \S+: CN=throw-away, ECDSA P-256, until`)
	testwait.Await(t, "the new certificate", func() bool { return bytes.Equal(served(), next.Leaf.Raw) })
}

// Failed handshakes are logged with peer and cause, and many of them in a few lines, both by
// net/http and by event loops.
func TestServeFailures(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	for _, args := range [][]string{nil, {"-proxy", backend}} {
		if args != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(args, "-cert", cert.File, "-key", cert.KeyFile)...)
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
		if n := len(regexp.MustCompile(`handshake failed: 127\.0\.0\.1:\d+: `+cause).FindAllString(log, -1)); n != eventlog.FailuresInPeriod {
			t.Errorf("%d lines\n%s", n, log)
		}
		if !strings.Contains(log, "handshake failed: "+cause+": 15 more within") {
			t.Error(log)
		}
	}
}

// An address that is in use is named, with a hint.
func TestServeAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, option := range []string{"-addr", "-metrics"} {
		var stderr bytes.Buffer
		args := []string{"-metrics", "127.0.0.1:0", "-addr", "127.0.0.1:0"}
		for i, arg := range args {
			if arg == option {
				args[i+1] = l.Addr().String()
			}
		}
		status := Command.Main(args, cli.Stdio{Out: io.Discard, Err: &stderr})
		if want := option + " " + l.Addr().String() + ": "; status != cli.ExitFailure || !strings.Contains(stderr.String(), want) ||
			!strings.Contains(stderr.String(), "another program listens there") {
			t.Errorf("status %d: %s", status, &stderr)
		}
	}
}
