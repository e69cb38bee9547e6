package handshakes

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/measure"
)

func TestHandshakes(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	for _, version := range []string{"1.2", "1.3"} {
		for _, resume := range []bool{false, true} {
			s := newTLSServer(t, cert.Config())
			args := []string{"-count", "20", "-c", "3", "-ca", cert.File, "-tls", version, s.addr}
			wantFull, wantResumed := 1+20, 0 // the trial
			if resume {
				args = append(args, "-resume")
				wantFull, wantResumed = 1+3, 20 // the trial, and one for each worker's first ticket
			}
			got, status, stderr := handshakesJSON(t, args...)
			if status != cli.ExitOK || stderr != "" {
				t.Fatalf("%v: status %d, %s", args, status, stderr)
			}
			if got.Succeeded != 20 || got.Resumed != wantResumed || got.Failed != 0 || got.LeftOpen != 0 || got.Resume != resume ||
				got.Concurrency != 3 || got.Address != s.addr || got.ServerName != "127.0.0.1" || got.Interrupted {
				t.Errorf("%v: %+v", args, got)
			}
			n := got.Negotiated
			if len(n) != 1 || n[0].Version != "TLS "+version || n[0].Certificate != "ECDSA P-256" || n[0].Cipher == "" {
				t.Errorf("%v: negotiated %+v", args, n)
			}
			if full, resumed, bad := s.saw(); full != wantFull || resumed != wantResumed || bad != 0 {
				t.Errorf("%v: the server saw %d full, %d resumed, %d bad", args, full, resumed, bad)
			}
		}
	}
}

func TestHandshakesText(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	s := newTLSServer(t, cert.Config())
	_, port, _ := net.SplitHostPort(s.addr)
	var out, errs bytes.Buffer
	if status := Command.Main([]string{"-seconds", "0.1", "-resume", "-tls", "1.3", "-curve", "p-256", "-ca", cert.File,
		"-servername", "localhost", "127.0.0.1:" + port}, cli.Stdio{Out: &out, Err: &errs}); status != cli.ExitOK || errs.Len() > 0 {
		t.Fatalf("status %d, %s", status, errs.String())
	}
	for _, want := range []string{
		`^127\.0\.0\.1:\d+, as localhost: TLS 1\.3, TLS_\w+, P-256, ECDSA P-256 certificate$`,
		`^[\d,]+ resumed handshakes in [\d.]+ m?s, 16 at a time: [\d,.]+ per second; 0 failed$`,
		`^All handshakes that succeeded were resumed\.$`,
		`^ +p50 +p90 +p99 +max$`,
		`^handshake +[\d.]+ .s +[\d.]+ .s +[\d.]+ .s +[\d.]+ .s$`,
		`^dial +[\d.]+ .s +[\d.]+ .s +[\d.]+ .s +[\d.]+ .s$`,
		`^The server is on this machine: `,
	} {
		if !regexp.MustCompile("(?m)" + want).Match(out.Bytes()) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

// A server that resumes no handshake is reported, whether it gives no tickets or forgets their
// keys.
func TestHandshakesNotResumed(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	none := cert.Config()
	none.SessionTicketsDisabled = true
	_, status, stderr := handshakesJSON(t, "-resume", "-count", "5", "-ca", cert.File, newTLSServer(t, none).addr)
	if status != cli.ExitFailure || !strings.Contains(stderr, "the server gave no session ticket") {
		t.Errorf("status %d, %s", status, stderr)
	}

	forgets := cert.Config()
	forgets.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		var key [32]byte
		rand.Read(key[:])
		c := cert.Config()
		c.SetSessionTicketKeys([][32]byte{key})
		return c, nil
	}
	addr := newTLSServer(t, forgets).addr
	got, status, stderr := handshakesJSON(t, "-resume", "-count", "5", "-ca", cert.File, addr)
	if status != cli.ExitFailure || !strings.Contains(stderr, "none of 5 handshakes was resumed: ") || got.Succeeded != 5 || got.Resumed != 0 {
		t.Errorf("status %d, %s, %+v", status, stderr, got)
	}
}

// The client offers what the options say.
func TestHandshakesOffer(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	config := cert.Config()
	config.NextProtos = []string{"h2"}
	addr := newTLSServer(t, config).addr
	for _, test := range []struct {
		args []string
		want jsonNegotiated
	}{
		{[]string{"-curve", "X25519"}, jsonNegotiated{Version: "TLS 1.3", Curve: "X25519"}},
		{[]string{"-curve", "x25519mlkem768", "-alpn", "http/1.1,h2"}, jsonNegotiated{Version: "TLS 1.3", Curve: "X25519MLKEM768", ALPN: "h2"}},
		{[]string{"-cipher", "tls_ecdhe_ecdsa_with_aes_256_gcm_sha384", "-curve", "P384"},
			jsonNegotiated{Version: "TLS 1.2", Curve: "P-384", Cipher: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}},
	} {
		got, status, stderr := handshakesJSON(t, append(test.args, "-count", "1", "-ca", cert.File, addr)...)
		if status != cli.ExitOK || len(got.Negotiated) != 1 {
			t.Errorf("%v: status %d, %s", test.args, status, stderr)
			continue
		}
		n := got.Negotiated[0]
		if test.want.Cipher == "" {
			n.Cipher = ""
		}
		n.Certificate, n.Handshakes = "", 0
		if n != test.want {
			t.Errorf("%v: %+v", test.args, n)
		}
	}

	other := cert.Config()
	other.CurvePreferences = []tls.CurveID{tls.CurveP521}
	got, _, _ := handshakesJSON(t, "-count", "1", "-ca", cert.File, newTLSServer(t, other).addr)
	if len(got.Negotiated) != 1 || !got.Negotiated[0].Retried {
		t.Errorf("no HelloRetryRequest in %+v", got.Negotiated)
	}
}

func TestHandshakesClientCertificate(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	config := cert.Config()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, cert.Pool
	for _, version := range []string{"1.2", "1.3"} {
		addr := newTLSServer(t, config).addr
		args := []string{"-count", "4", "-c", "2", "-ca", cert.File, "-tls", version, addr}
		// In TLS 1.3 the client has finished by the time the server refuses. The refusal must be
		// noticed nevertheless.
		_, status, stderr := handshakesJSON(t, args...)
		if status != cli.ExitFailure || !strings.Contains(stderr, "client certificate") || !strings.Contains(stderr, "-cert and -key") {
			t.Errorf("%s without: status %d, %s", version, status, stderr)
		}
		stranger := tlstest.NewCertificate(t)
		_, status, stderr = handshakesJSON(t, append(args, "-cert", stranger.File, "-key", stranger.KeyFile)...)
		if status != cli.ExitFailure || !strings.Contains(stderr, "does not accept the client certificate") {
			t.Errorf("%s with another: status %d, %s", version, status, stderr)
		}
		got, status, stderr := handshakesJSON(t, append(args, "-cert", cert.File, "-key", cert.KeyFile)...)
		if status != cli.ExitOK || got.Succeeded != 4 {
			t.Errorf("%s with: status %d, %s", version, status, stderr)
		}
		got, status, stderr = handshakesJSON(t, append(args, "-resume", "-cert", cert.File, "-key", cert.KeyFile)...)
		if status != cli.ExitOK || got.Resumed != 4 {
			t.Errorf("%s resumed: status %d, %s", version, status, stderr)
		}
	}
	var out, errs bytes.Buffer
	Command.Main([]string{"-count", "1", "-ca", cert.File, "-cert", cert.File, "-key", cert.KeyFile,
		newTLSServer(t, cert.Config()).addr}, cli.Stdio{Out: &out, Err: &errs})
	if !strings.Contains(out.String(), "did not ask for the client certificate") {
		t.Errorf("%s%s", out.String(), errs.String())
	}
}

func TestHandshakesRate(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	got, status, stderr := handshakesJSON(t, "-seconds", "0.2", "-rate", "50", "-ca", cert.File, newTLSServer(t, cert.Config()).addr)
	if status != cli.ExitOK || got.Begun < 1 || got.Begun > 10 || got.Seconds < 0.2 {
		t.Errorf("status %d, %s, %+v", status, stderr, got)
	}
	// With -count each handshake begins, even if its turn has passed.
	got, status, stderr = handshakesJSON(t, "-count", "5", "-rate", "50", "-ca", cert.File, newTLSServer(t, cert.Config()).addr)
	if status != cli.ExitOK || got.Begun != 5 || got.Seconds < 0.08 {
		t.Errorf("status %d, %s, %+v", status, stderr, got)
	}
}

func TestHandshakesUnix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("not everywhere on Windows")
	}
	cert := tlstest.NewCertificate(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	tlstest.Serve(t, l, (&tlsServer{t: t, config: cert.Config()}).handle)
	got, status, stderr := handshakesJSON(t, "-count", "3", "-resume", "-ca", cert.File, "unix:"+path)
	if status != cli.ExitOK || got.Resumed != 3 || got.Address != path || got.ServerName != "localhost" {
		t.Errorf("status %d, %s, %+v", status, stderr, got)
	}
}

// The line for a terminal says how far the measurement is.
func TestHandshakesProgress(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	server, err := parseAddress(newTLSServer(t, cert.Config()).addr)
	if err != nil {
		t.Fatal(err)
	}
	o := &options{time: 50 * time.Millisecond, concurrency: 16, timeout: time.Minute, offer: offer{ca: cert.File}}
	config, err := o.offer.config(server)
	if err != nil {
		t.Fatal(err)
	}
	l, p := newLoad(o, server, config), measure.NewProgress(io.Discard)
	if err := l.prepare(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.run(t.Context(), p)
	if line := l.progress(); !regexp.MustCompile(`^[\d.]+ m?s of 50.0 ms: [\d,]+ done, 0 failed$`).MatchString(line) {
		t.Errorf("%q", line)
	}
}
