package handshakes

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// TestHandshakesOpenSSL measures the real openssl s_server, which differs from crypto/tls in its
// tickets and in the way it ends connections. In CI openssl must be installed.
func TestHandshakesOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("openssl is not installed")
	}
	cert := tlstest.NewCertificate(t)
	for _, test := range []struct {
		server, client []string
		want           jsonNegotiated
	}{
		{nil, []string{"-tls", "1.3", "-curve", "P-256"}, jsonNegotiated{Version: "TLS 1.3", Curve: "P-256"}},
		{nil, []string{"-tls", "1.2", "-curve", "P-256"}, jsonNegotiated{Version: "TLS 1.2", Curve: "P-256"}},
		{[]string{"-num_tickets", "1", "-alpn", "h2"}, []string{"-tls", "1.3", "-curve", "X25519", "-alpn", "h2"},
			jsonNegotiated{Version: "TLS 1.3", Curve: "X25519", ALPN: "h2"}},
		{[]string{"-Verify", "1", "-verify_return_error", "-CAfile", cert.File}, []string{"-cert", cert.File, "-key", cert.KeyFile, "-curve", "P-384"},
			jsonNegotiated{Version: "TLS 1.3", Curve: "P-384"}},
	} {
		addr := sServer(t, cert, test.server...)
		args := append(test.client, "-count", "10", "-c", "2", "-ca", cert.File, addr)
		got, status, stderr := handshakesJSON(t, args...)
		if status != cli.ExitOK || got.Succeeded != 10 || got.LeftOpen != 0 || len(got.Negotiated) != 1 {
			t.Errorf("%v: status %d, %s, %+v", args, status, stderr, got)
			continue
		}
		n := got.Negotiated[0] // a resumed TLS 1.2 session would have no curve
		if n.Version != test.want.Version || n.Curve != test.want.Curve || n.ALPN != test.want.ALPN || n.Certificate != "ECDSA P-256" {
			t.Errorf("%v: %+v", args, n)
		}
		got, status, stderr = handshakesJSON(t, append(args, "-resume")...)
		if status != cli.ExitOK || got.Succeeded != 10 || got.Resumed != 10 {
			t.Errorf("%v -resume: status %d, %s, %+v", args, status, stderr, got)
		}
	}
	addr := sServer(t, cert, "-Verify", "1", "-verify_return_error", "-CAfile", cert.File)
	_, status, stderr := handshakesJSON(t, "-count", "3", "-ca", cert.File, addr)
	if status != cli.ExitFailure || !strings.Contains(stderr, "client certificate") {
		t.Errorf("without a certificate: status %d, %s", status, stderr)
	}
}

// sServer starts an openssl s_server on a port that it chooses.
func sServer(t *testing.T, cert *tlstest.Certificate, args ...string) (addr string) {
	t.Helper()
	cmd := exec.Command("openssl", append([]string{"s_server", "-accept", "127.0.0.1:0", "-www",
		"-cert", cert.File, "-key", cert.KeyFile}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	read := make(chan bool)
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if addr, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
				select {
				case found <- addr:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
	})
	select {
	case addr = <-found:
	case <-read:
		t.Fatalf("s_server did not start: %s", stderr.String())
	case <-time.After(time.Until(testwait.Limit())):
		t.Fatal("s_server does not say where it listens")
	}
	return addr
}
