package serve

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
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
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// served is a serve command that runs in this process.
type served struct {
	*tlstest.Server
	addr string
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
	s := &served{Server: tlstest.Run(t, func(std cli.Stdio, signals <-chan os.Signal) error { return serveUntil(o, std, signals) })}
	s.addr = s.Logged(`listening on ([^ "\n]+)`)[1]
	return s
}

// measured waits until the metrics have each of the lines, or lines that begin with them, and
// returns the metrics.
func (s *served) measured(lines ...string) string {
	s.T.Helper()
	url := s.Logged(`metrics at (\S+)`)[1]
	for limit := testwait.Limit(); ; time.Sleep(time.Millisecond) {
		_, figures := get(s.T, http.DefaultClient, url)
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
			s.T.Fatalf("no %s in\n%s", missing, figures)
		}
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
	s.Logged(`handshake failed: 127\.0\.0\.1:\d+: tls: client didn't provide a certificate`)
	if _, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool, MinVersion: tls.VersionTLS13}); err == nil {
		t.Error("TLS 1.3 in spite of -tls 1.2")
	}
	s.Logged(`handshake failed: 127\.0\.0\.1:\d+: tls: client offered only unsupported versions`)
}

// SIGHUP makes serve read the files again. If they are wrong, it says so and keeps the
// certificate.
func TestServeReload(t *testing.T) {
	cert, next := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	s := startServe(t, "-cert", cert.File, "-key", cert.KeyFile, "-metrics", "127.0.0.1:0")
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
	s.Signal(syscall.SIGHUP)
	s.Logged(`the certificate stays as it was: key \S+ does not belong to the first certificate`)
	s.measured("asynccrypto_reload_successful 0\n")
	if !bytes.Equal(served(), cert.Leaf.Raw) {
		t.Error("another certificate")
	}
	copyTo(cert.KeyFile, next.KeyFile)
	s.Signal(syscall.SIGHUP)
	s.Logged(`(?s)stays as it was.*certificate \S+: CN=throw-away, ECDSA P-256, until`)
	testwait.Await(t, "the new certificate", func() bool { return bytes.Equal(served(), next.Leaf.Raw) })
	s.measured("asynccrypto_reload_successful 1\n")
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
		s.Logged(`handshake failed: ` + c.LocalAddr().String() + `: the client closed the connection before it was done`)
		if _, err := tls.Dial("tcp", s.addr, &tls.Config{}); err == nil {
			t.Error("trusted")
		}
		s.Logged(`handshake failed: 127\.0\.0\.1:\d+: remote error: tls: .*\(the client does not trust the certificate\)`)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		const cause = "tls: first record does not look like a TLS handshake"
		log := s.Log.String()
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

// With -log json a start that fails leaves nothing but JSON objects, also if the options are at
// fault. Until -log has been parsed the error is text.
func TestServeFailsInJSON(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-log", "json", "-addr", l.Addr().String()}, cli.ExitFailure, `^-addr ` + regexp.QuoteMeta(l.Addr().String()) + `: .*another program listens there`},
		{[]string{"-log", "json", "-cert", "no\nfile.pem"}, cli.ExitUsage, `no\nfile\.pem.* \(see asynccrypto serve -h\)$`},
		{[]string{"-addr", "x", "-log", "json"}, cli.ExitUsage, `^-addr "x"`},
		{[]string{"-log", "json", "extra"}, cli.ExitUsage, `^unexpected argument "extra"`},
		{[]string{"-log", "json", "-nothing"}, cli.ExitUsage, ""},
	} {
		var stderr bytes.Buffer
		if status := Command.Main(test.args, cli.Stdio{Out: io.Discard, Err: &stderr}); status != test.status {
			t.Errorf("%q: status %d", test.args, status)
		}
		if test.want == "" {
			if stderr.String() != "asynccrypto serve: unknown option -nothing (see asynccrypto serve -h)\n" {
				t.Errorf("%q: %s", test.args, &stderr)
			}
			continue
		}
		var last struct{ Time, Level, Msg string }
		for line := range strings.Lines(stderr.String()) {
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Errorf("%q: %q: %v", test.args, line, err)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, last.Time); err != nil || last.Level != "ERROR" || !regexp.MustCompile(test.want).MatchString(last.Msg) {
			t.Errorf("%q: %+v", test.args, last)
		}
	}
}
