//go:build unix

package keyserver

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	signcommand "asynccrypto/cmd/asynccrypto/internal/sign"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/publickey"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
	"asynccrypto/remote/keyserverpb"
)

// served is a keyserver command that runs in this process.
type served struct{ *tlstest.Server }

// start runs the command. At the end of the test it is told to stop, and should have no requests left.
func start(t *testing.T, args ...string) *served {
	t.Helper()
	var o *options
	c := *Command
	c.Setup = func(f *cli.Flags) cli.Run {
		o = newOptions(f)
		return func(args []string, _ cli.Stdio) error { return o.check(f, args) }
	}
	var stderr bytes.Buffer
	if status := c.Main(args, cli.Stdio{Out: io.Discard, Err: &stderr}); status != cli.ExitOK {
		t.Fatal(stderr.String())
	}
	s := &served{tlstest.Run(t, func(std cli.Stdio, signals <-chan os.Signal) error { return serveUntil(o, std, signals) })}
	s.Logged(`listening on `)
	return s
}

// reload has the files read again, and waits for the end of that.
func (s *served) reload(pattern string) {
	s.T.Helper()
	said := len(s.Log.String())
	s.Signal(syscall.SIGHUP)
	testwait.Await(s.T, "a line "+pattern, func() bool { return strings.Contains(s.Log.String()[said:], pattern) })
	testwait.Await(s.T, "the end of the reload", func() bool { return keysRead.MatchString(s.Log.String()[said:]) })
}

// measured waits until the page of -metrics has all lines that begin so.
func (s *served) measured(lines ...string) {
	s.T.Helper()
	url := s.Logged(`metrics at (\S+)`)[1]
	for _, line := range lines {
		testwait.Await(s.T, "the figure "+line, func() bool {
			resp, err := http.Get(url)
			if err != nil {
				s.T.Fatal(err)
			}
			defer resp.Body.Close()
			figures, err := io.ReadAll(resp.Body)
			if err != nil {
				s.T.Fatal(err)
			}
			return strings.Contains("\n"+string(figures), "\n"+line)
		})
	}
}

// keysRead matches the line of a reload about the keys, which it reads last.
var keysRead = regexp.MustCompile(`\d+ keys?: |the keys stay as they were`)

var user = "uid:" + strconv.Itoa(os.Getuid())

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newKey writes a fresh key to a file.
func newKey(t *testing.T, path string) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writeKey(t, path, key)
	return key
}

func writeKey(t *testing.T, path string, key any) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// client returns an engine for one node, which is closed with the test.
func client(t *testing.T, node string, c *tls.Config) *remote.Engine {
	t.Helper()
	e, err := remote.New(remote.Config{Nodes: []string{node}, TLS: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(t.Context(), testwait.Limit())
	t.Cleanup(cancel)
	return ctx
}

// has checks that the server signs with the key under a name.
func has(t *testing.T, e *remote.Engine, name string, key crypto.Signer) {
	t.Helper()
	s, err := e.Signer(limited(t), name)
	if err != nil {
		t.Fatal(err)
	}
	if !publickey.Equal(s.Public(), key.Public()) {
		t.Errorf("another key is named %q", name)
	}
	if err := sign(t, s); err != nil {
		t.Error(err)
	}
}

func sign(t *testing.T, s remote.Signer) error {
	t.Helper()
	digest := sha256.Sum256(nil)
	_, err := s.WithContext(limited(t)).Sign(rand.Reader, digest[:], crypto.SHA256)
	return err
}

func lacks(t *testing.T, e *remote.Engine, name string) {
	t.Helper()
	if s, err := e.Signer(limited(t), name); !errors.Is(err, remote.ErrNoKey) {
		t.Errorf("%q: %v, %v", name, s, err)
	}
}

// Keys of files and directories have the names of their files. Those that come, change and go, and a
// new allow file, are noticed on SIGHUP; a file that can't be used changes nothing.
func TestReloadKeys(t *testing.T) {
	dir := t.TempDir()
	keys, socket, allow := filepath.Join(dir, "keys"), filepath.Join(dir, "s"), filepath.Join(dir, "allow")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, allow, "allow "+user+" sign web www.example.com api new\n")
	web, site, api := newKey(t, filepath.Join(dir, "web.pem")), newKey(t, filepath.Join(keys, "www.example.com.key")), newKey(t, filepath.Join(keys, "api.pem"))
	newKey(t, filepath.Join(keys, ".hidden.pem"))
	newKey(t, filepath.Join(keys, "note.txt"))
	write(t, filepath.Join(keys, "cert.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	s := start(t, "-allow", allow, "-unix", socket, "-watch", "1h", "-metrics", "127.0.0.1:0", filepath.Join(dir, "web.pem"), keys)
	s.Logged(`3 keys: api \(ECDSA P-256\), web \(ECDSA P-256\), www\.example\.com \(ECDSA P-256\)`)
	s.Logged("warning: the allow file names keys that are not there: new")
	e := client(t, "unix:"+socket, nil)
	has(t, e, "web", web)
	has(t, e, "www.example.com", site)
	has(t, e, "api", api)

	next, fresh := newKey(t, filepath.Join(keys, "api.pem")), newKey(t, filepath.Join(keys, "new.pem"))
	if err := os.Remove(filepath.Join(keys, "www.example.com.key")); err != nil {
		t.Fatal(err)
	}
	s.reload("3 keys: api")
	has(t, e, "api", next)
	has(t, e, "new", fresh)
	lacks(t, e, "www.example.com")

	for file, want := range map[string]string{"web.key": `both named "web"`, "broken.pem": "not a valid private key"} {
		path := filepath.Join(keys, file)
		if file == "web.key" {
			newKey(t, path)
		} else {
			write(t, path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
		}
		s.reload("warning: hangup: the keys stay as they were: ")
		s.Logged(want)
		has(t, e, "web", web)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	writeKey(t, filepath.Join(keys, "same.pem"), web)
	s.reload("warning: hangup: the keys stay as they were: ")
	s.Logged(`"same" and "web" are the same key`)
	has(t, e, "web", web)
	has(t, e, "new", fresh)
	if err := os.Remove(filepath.Join(keys, "same.pem")); err != nil {
		t.Fatal(err)
	}

	write(t, allow, "allow "+user+" sign web\nallow nobody\n")
	s.reload("warning: hangup: the allow file stays as it was: ")
	s.Logged(`line 2`)
	s.measured("asynccrypto_reload_successful 0\n")
	has(t, e, "new", fresh)
	signer, err := e.Signer(limited(t), "new")
	if err != nil {
		t.Fatal(err)
	}
	write(t, allow, "allow "+user+" sign web\n")
	s.reload("3 keys: ")
	s.measured("asynccrypto_reload_successful 1\n")
	if err := sign(t, signer); !errors.Is(err, remote.ErrDenied) && !errors.Is(err, remote.ErrNoKey) {
		t.Error(err)
	}
	has(t, e, "web", web)
}

// A private key that every user may read is used all the same, and the log says so. What a group may read
// is no matter, nor is a file without a private key.
func TestExposedKeys(t *testing.T) {
	dir := t.TempDir()
	cert := tlstest.NewCertificate(t)
	for name, mode := range map[string]fs.FileMode{"group.pem": 0o640, "web.pem": 0o644} {
		path := filepath.Join(dir, name)
		newKey(t, path)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(cert.File)
	if err != nil {
		t.Fatal(err)
	}
	public := write(t, filepath.Join(dir, "cert.pem"), string(text))
	if err := errors.Join(os.Chmod(public, 0o644), os.Chmod(cert.KeyFile, 0o604)); err != nil {
		t.Fatal(err)
	}
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), ""), "-unix", filepath.Join(dir, "s"),
		"-grpc", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile, "-client-ca", cert.File, dir)
	const warning = "warning: every user of this machine may read these private keys: "
	s.Logged(regexp.QuoteMeta(warning + cert.KeyFile + "; change that with: chmod o-r"))
	s.Logged(regexp.QuoteMeta(warning + filepath.Join(dir, "web.pem") + "; change that with: chmod o-r"))
	if n := strings.Count(s.Log.String(), warning); n != 2 {
		t.Errorf("%d warnings", n)
	}
}

// The server reads files by itself when they have changed, also those that are new in a directory.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	socket, keys := filepath.Join(dir, "s"), filepath.Join(dir, "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow "+user+" sign web\n"), "-unix", socket, "-watch", "5ms", keys)
	s.Logged("warning: there is no key in the directories")
	key := newKey(t, filepath.Join(keys, "web.pem"))
	s.Logged(`1 key: web`)
	has(t, client(t, "unix:"+socket, nil), "web", key)
}

// The audit log is opened again on SIGHUP, so that it can be moved away, and a name that can't be
// opened leaves the log where it is.
func TestReopenAudit(t *testing.T) {
	dir := t.TempDir()
	socket, audit := filepath.Join(dir, "s"), filepath.Join(dir, "audit")
	key := newKey(t, filepath.Join(dir, "web.pem"))
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow "+user+" sign web\n"), "-unix", socket, "-audit", audit, "-watch", "1h",
		filepath.Join(dir, "web.pem"))
	e := client(t, "unix:"+socket, nil)
	lines := func(path string) int {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var record struct{ Peer, Key, Result string }
			if err := json.Unmarshal([]byte(line), &record); err != nil || record.Peer != user || record.Key != "web" || record.Result != "ok" {
				t.Errorf("%q: %v", line, err)
			}
		}
		return strings.Count(string(text), "\n")
	}
	has(t, e, "web", key)
	if info, err := os.Stat(audit); err != nil || info.Mode() != 0o600 || lines(audit) != 1 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Rename(audit, audit+".1"); err != nil {
		t.Fatal(err)
	}
	has(t, e, "web", key)
	s.reload("1 key: web")
	has(t, e, "web", key)
	if lines(audit+".1") != 2 || lines(audit) != 1 {
		t.Error(lines(audit+".1"), lines(audit))
	}
	if err := errors.Join(os.Rename(audit, audit+".2"), os.Mkdir(audit, 0o700)); err != nil {
		t.Fatal(err)
	}
	s.reload("warning: hangup: the audit log stays where it was: ")
	has(t, e, "web", key)
	if lines(audit+".2") != 2 {
		t.Error(lines(audit + ".2"))
	}
}

// A full disk refuses signatures, which /healthz and the health service say, or it does not: that is
// an option.
func TestAuditFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	cert := tlstest.NewCertificate(t)
	for _, full := range []string{"refuse", "continue"} {
		dir := t.TempDir()
		socket := filepath.Join(dir, "s")
		newKey(t, filepath.Join(dir, "web.pem"))
		s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow "+user+" sign web\n"), "-unix", socket, "-audit", "/dev/full", "-audit-full", full,
			"-metrics", "127.0.0.1:0", "-grpc", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile, "-client-ca", cert.File, filepath.Join(dir, "web.pem"))
		url := strings.Replace(s.Logged(`metrics at (\S+)`)[1], "/metrics", "/healthz", 1)
		checker := healthOf(t, s.Logged(`listening on (\S+), gRPC`)[1], cert)
		well := func() (int, grpc_health_v1.HealthCheckResponse_ServingStatus) {
			resp, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			h, err := checker.Check(limited(t), &grpc_health_v1.HealthCheckRequest{Service: keyserverpb.KeyServer_ServiceDesc.ServiceName})
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, h.GetStatus()
		}
		if code, serving := well(); code != http.StatusOK || serving != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Error(code, serving)
		}
		signer, err := client(t, "unix:"+socket, nil).Signer(limited(t), "web")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if full == "continue" {
			cancel()
			ctx, cancel = context.WithDeadline(t.Context(), testwait.Limit())
		}
		digest := sha256.Sum256(nil)
		_, err = signer.WithContext(ctx).Sign(rand.Reader, digest[:], crypto.SHA256)
		cancel()
		if (err == nil) != (full == "continue") {
			t.Errorf("%s: %v", full, err)
		}
		if full == "refuse" {
			testwait.Await(t, "the health to be bad", func() bool {
				code, serving := well()
				return code == http.StatusServiceUnavailable && serving == grpc_health_v1.HealthCheckResponse_NOT_SERVING
			})
		} else if code, serving := well(); code != http.StatusOK || serving != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Error(code, serving)
		}
		if err := s.Stop(); (err != nil) != (full == "refuse") || err != nil && !strings.HasPrefix(err.Error(), "-audit /dev/full: ") {
			t.Errorf("%s: ends with %v", full, err)
		}
		s.Err = nil
	}
}

// healthOf returns a client of the health service.
func healthOf(t *testing.T, addr string, cert *tlstest.Certificate) grpc_health_v1.HealthClient {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: cert.Pool, ServerName: "localhost",
		Certificates: []tls.Certificate{cert.Certificate}})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return grpc_health_v1.NewHealthClient(conn)
}

// Certificates and CAs are exchanged while requests are under way, and no request is lost. Connections
// of before go on; new ones see the new certificate, and need a client certificate of the new CA.
func TestRotateCertificates(t *testing.T) {
	dir := t.TempDir()
	first, second := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	file := func(name, from string) string {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		write(t, path+".new", string(text))
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := newKey(t, filepath.Join(dir, "web.pem"))
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow dns:localhost sign web\n"), "-grpc", "127.0.0.1:0", "-watch", "1h",
		"-cert", file("cert", first.File), "-key", file("key", first.KeyFile), "-client-ca", file("ca", first.File), filepath.Join(dir, "web.pem"))
	addr := s.Logged(`listening on (\S+), gRPC`)[1]
	clientOf := func(c *tlstest.Certificate) *remote.Engine {
		return client(t, addr, &tls.Config{RootCAs: c.Pool, Certificates: []tls.Certificate{c.Certificate}, ServerName: "localhost"})
	}
	old := clientOf(first)
	signer, err := old.Signer(limited(t), "web")
	if err != nil {
		t.Fatal(err)
	}
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				failed <- nil
				return
			default:
			}
			if err := sign(t, signer); err != nil {
				failed <- err
				return
			}
		}
	}()
	file("key", second.KeyFile) // which does not belong to the certificate yet
	s.reload("warning: hangup: the certificate stays as it was: ")
	has(t, clientOf(first), "web", key)
	file("cert", second.File)
	file("ca", second.File)
	s.reload("1 key: web")
	has(t, clientOf(second), "web", key)
	close(stop)
	if err := <-failed; err != nil {
		t.Error(err)
	}
	if lost := old.Nodes()[0].Lost; lost != 0 {
		t.Errorf("%d connections were lost", lost)
	}
	has(t, old, "web", key)
	stranger := &tls.Config{RootCAs: second.Pool, Certificates: []tls.Certificate{first.Certificate}, ServerName: "localhost"}
	if _, err := client(t, addr, stranger).Signer(t.Context(), "web"); err == nil {
		t.Error("a client of the CA of before was admitted")
	}
	s.Logged(`handshake failed: 127\.0\.0\.1:\d+: tls: `)
}

// A client needs a certificate, and TLS 1.3. The health service answers no one else either.
func TestOnlyTLS13(t *testing.T) {
	dir := t.TempDir()
	cert := tlstest.NewCertificate(t)
	newKey(t, filepath.Join(dir, "web.pem"))
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), ""), "-grpc", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile,
		"-client-ca", cert.File, filepath.Join(dir, "web.pem"))
	addr := s.Logged(`listening on (\S+), gRPC`)[1]
	for _, c := range []*tls.Config{
		{RootCAs: cert.Pool, Certificates: []tls.Certificate{cert.Certificate}, MaxVersion: tls.VersionTLS12},
		{RootCAs: cert.Pool},
	} {
		c.ServerName = "localhost"
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(c)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = grpc_health_v1.NewHealthClient(conn).Check(limited(t), &grpc_health_v1.HealthCheckRequest{})
		if status.Code(err) != codes.Unavailable {
			t.Error(err)
		}
		conn.Close()
	}
	if h, err := healthOf(t, addr, cert).Check(limited(t), &grpc_health_v1.HealthCheckRequest{}); err != nil || h.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", h, err)
	}
}

// A client of the network may have 64 connections. One that it closes makes room.
func TestConnectionsOfGRPC(t *testing.T) {
	dir := t.TempDir()
	cert := tlstest.NewCertificate(t)
	newKey(t, filepath.Join(dir, "web.pem"))
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), ""), "-grpc", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile,
		"-client-ca", cert.File, filepath.Join(dir, "web.pem"))
	addr := s.Logged(`listening on (\S+), gRPC`)[1]
	// connect greets, and reports whether the server does so, too (RFC 9113, section 3.4), before it ends
	// the connection.
	connect := func() (*tls.Conn, bool) {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: cert.Pool, Certificates: []tls.Certificate{cert.Certificate}, ServerName: "localhost", NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetReadDeadline(testwait.Limit())
		_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+"\x00\x00\x00\x04\x00\x00\x00\x00\x00") // and empty settings
		const header = 9
		_, err = io.ReadFull(c, make([]byte, header))
		return c, err == nil
	}
	var last *tls.Conn
	for n := range 64 {
		var ok bool
		if last, ok = connect(); !ok {
			t.Fatalf("connection %d was refused", n)
		}
	}
	if _, ok := connect(); ok {
		t.Error("a connection too many")
	}
	s.Logged(`handshake failed: .*the client "dns:localhost" has 64 connections, which is the most`)
	last.Close()
	testwait.Await(t, "room", func() bool { _, ok := connect(); return ok })
}

// A client that the servers refuse is told why. With no other place of the key that is a mistake in the
// arguments, which the same command makes again.
func TestRefusedClient(t *testing.T) {
	dir := t.TempDir()
	cert, stranger := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	web := filepath.Join(dir, "web.pem")
	newKey(t, web)
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow dns:localhost sign web\n"), "-grpc", "127.0.0.1:0", "-cert", cert.File,
		"-key", cert.KeyFile, "-client-ca", cert.File, web)
	key := "keyserver://" + s.Logged(`listening on (\S+), gRPC`)[1] + "/web?ca=" + cert.File + "&cert=" + stranger.File + "&key=" + stranger.KeyFile
	for _, test := range []struct {
		args   []string
		status int
	}{
		{nil, cli.ExitUsage},
		{[]string{"-fallback-key", web}, cli.ExitOK},
	} {
		var errs bytes.Buffer
		args := append([]string{"-key", key, "-out", t.TempDir()}, append(test.args, web)...)
		if status := signcommand.Command.Main(args, cli.Stdio{Out: io.Discard, Err: &errs}); status != test.status ||
			!strings.Contains(errs.String(), "the key server refuses this client: remote error: tls: unknown certificate authority") {
			t.Errorf("%q: status %d, %s", test.args, status, &errs)
		}
	}
}

// SIGTERM lets requests under way be answered, and the page of the health says that the server stops.
func TestDrain(t *testing.T) {
	dir := t.TempDir()
	cert := tlstest.NewCertificate(t)
	socket := filepath.Join(dir, "s")
	key := newKey(t, filepath.Join(dir, "web.pem"))
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow "+user+" sign web\nallow dns:localhost sign web\n"), "-unix", socket,
		"-grpc", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile, "-client-ca", cert.File, "-log", "json", filepath.Join(dir, "web.pem"))
	addr := s.Logged(`listening on (\S+), gRPC`)[1]
	has(t, client(t, "unix:"+socket, nil), "web", key)
	has(t, client(t, addr, &tls.Config{RootCAs: cert.Pool, Certificates: []tls.Certificate{cert.Certificate}, ServerName: "localhost"}), "web", key)
	watch, err := healthOf(t, addr, cert).Watch(limited(t), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING} {
		h, err := watch.Recv()
		if err != nil || h.GetStatus() != want {
			t.Fatalf("%v, %v, want %v", h, err, want)
		}
		if want == grpc_health_v1.HealthCheckResponse_SERVING {
			s.Signal(syscall.SIGTERM)
		}
	}
	testwait.Receive(t, "the end, with a stream of the health service open", s.Ended)
	if s.Err != nil {
		t.Error(s.Err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// A fallback has the name of its key. It signs with the key that the file has now.
func TestFallback(t *testing.T) {
	dir := t.TempDir()
	other := t.TempDir()
	socket := filepath.Join(dir, "s")
	key := newKey(t, filepath.Join(dir, "web.pem"))
	writeKey(t, filepath.Join(other, "web.key"), key)
	s := start(t, "-allow", write(t, filepath.Join(dir, "allow"), "allow "+user+" sign web\n"), "-unix", socket, "-metrics", "127.0.0.1:0", "-watch", "1h",
		"-fallback-key", filepath.Join(other, "web.key"), filepath.Join(dir, "web.pem"))
	e := client(t, "unix:"+socket, nil)
	has(t, e, "web", key)
	s.measured(`asynccrypto_fallback_member_operations_total{chain="web",member="`+filepath.Join(dir, "web.pem"), `asynccrypto_engine_eagain_total{engine="`,
		`asynccrypto_keyserver_key_requests_total{key="web",outcome="signed",server="keyserver"} 1`,
		`asynccrypto_keyserver_peer_requests_total{outcome="signed",peer="`+user+`",server="keyserver"} 1`)
	next := newKey(t, filepath.Join(dir, "web.pem"))
	s.reload("warning: hangup: the keys stay as they were: ")
	has(t, e, "web", key)
	writeKey(t, filepath.Join(other, "web.key"), next)
	s.reload("1 key: web")
	has(t, e, "web", next)
}

// handle prints the handle of the key of each kind of file. Where a private key is needed the error says
// what a handle is.
func TestHandle(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	var handles []string
	for _, file := range []string{cert.File, cert.KeyFile} {
		var out, errs bytes.Buffer
		if status := Command.Main([]string{"handle", file}, cli.Stdio{Out: &out, Err: &errs}); status != cli.ExitOK {
			t.Fatal(errs.String())
		}
		handles = append(handles, out.String())
	}
	if handles[0] != handles[1] || !strings.HasPrefix(handles[0], "-----BEGIN ASYNCCRYPTO KEY-----\n") {
		t.Error(handles)
	}
	dir := t.TempDir()
	var errs bytes.Buffer
	status := Command.Main([]string{"-allow", write(t, filepath.Join(dir, "allow"), ""), "-unix", filepath.Join(dir, "s"),
		write(t, filepath.Join(dir, "web.pem"), handles[0])}, cli.Stdio{Out: io.Discard, Err: &errs})
	if status != cli.ExitUsage || !strings.Contains(errs.String(), "web.pem: holds no private key, but the handle of a key on a key server; ") {
		t.Errorf("status %d: %s", status, &errs)
	}
}

// list shows nodes that are up and down and the permissions of this client, and its status says whether all
// is well.
func TestList(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	newKey(t, filepath.Join(dir, "web.pem"))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writeKey(t, filepath.Join(dir, "key of app.pem"), ed)
	newKey(t, filepath.Join(dir, "not yours.pem"))
	allow := write(t, filepath.Join(dir, "allow"), fmt.Sprintf("allow %[1]s sign:sha256 web\nallow %[1]s sign \"key of app\"\nallow uid:4294967 sign \"not yours\"\n", user))
	start(t, "-allow", allow, "-unix", socket, dir)
	free, err := net.Listen("unix", filepath.Join(dir, "gone"))
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	for _, test := range []struct {
		uri    string
		status int
		out    string
		stderr string
	}{
		{"keyserver:///?unix=" + socket, cli.ExitOK, "key         kind         may          on\n" +
			"key of app  Ed25519      sign         unix:" + socket + "\n" +
			"web         ECDSA P-256  sign:sha256  unix:" + socket + "\n", ""},
		{"keyserver:///key%20of%20app?unix=" + socket, cli.ExitOK, "\nkey of app  Ed25519  sign  unix:", ""},
		{"keyserver:///not%20yours?unix=" + socket, cli.ExitFailure, "  up\n", `key "not yours": no such key, or none that this client may use`},
		{"keyserver:///web?unix=" + socket + "&unix=" + dir + "/gone", cli.ExitFailure, "sign:sha256", "1 of 2 servers not up"},
		{"keyserver:///web?unix=" + dir + "/gone", cli.ExitFailure, "  down: ", "1 of 1 server not up"},
		{"keyserver:///web?sock=x", cli.ExitUsage, "", "attribute 1 of the URI's query is none of"},
		{"keyserver://a:1/?cert=none.pem&ca=none.pem", cli.ExitUsage, "", "cert none.pem: no such file"},
	} {
		var out, errs bytes.Buffer
		status := Command.Main([]string{"list", test.uri}, cli.Stdio{Out: &out, Err: &errs})
		if status != test.status || !strings.Contains(out.String(), test.out) || !strings.Contains(errs.String(), test.stderr) || (errs.Len() == 0) != (test.stderr == "") {
			t.Errorf("%s: status %d\n%s%s", test.uri, status, &out, &errs)
		}
	}
}
