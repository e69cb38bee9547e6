package tlspromises

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startServer starts OpenSSL's server, which sends what it reads from in, or does what the letters
// R and K ask for. handshakes receives a value for each handshake that the server has finished.
func startServer(t *testing.T, args ...string) (in io.WriteCloser, addr string, handshakes <-chan struct{}) {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cert := newCert(t)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "server.pem")
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(name, both, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", name, "-state"}, args...)...)
	in, _ = cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	states, _ := cmd.StderrPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for addr == "" && lines.Scan() { // "ACCEPT 127.0.0.1:1234"
		if rest, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			addr = rest
		}
	}
	go io.Copy(io.Discard, out)
	finished := make(chan struct{}, 100)
	go func() {
		for lines := bufio.NewScanner(states); lines.Scan(); {
			if strings.HasSuffix(lines.Text(), "SSLv3/TLS write finished") {
				finished <- struct{}{}
			}
		}
	}()
	return in, addr, finished
}

// A client that renegotiates does so inside Read, with a context that carries nothing; any
// error from below is then sticky, as in the first handshake. Go's server can't renegotiate, so
// OpenSSL's does.
func TestRenegotiationIsInsideRead(t *testing.T) {
	in, addr, handshakes := startServer(t, "-tls1_2")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Minute))
	asked, reads := make(chan error, 1), goroutine()
	client := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true,
		Renegotiation:      tls.RenegotiateFreelyAsClient,
		GetClientCertificate: func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			err := error(nil)
			if info.Context().Value(panicContext{}) != nil {
				err = errors.New("it carries something")
			}
			if goroutine() != reads {
				err = errors.New("it is called on another goroutine than Read's")
			}
			asked <- err
			return new(tls.Certificate), nil
		},
	})
	if err := client.HandshakeContext(valueContext{t.Context()}); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 0 {
		t.Fatal("asked for a certificate in the first handshake")
	}
	<-handshakes
	io.WriteString(in, "R\n")
	go func() {
		if err := <-asked; err != nil {
			t.Error(err)
		}
		<-handshakes // crypto/tls takes no data while it renegotiates
		io.WriteString(in, "hello\n")
		asked <- nil
	}()
	p := make([]byte, 100)
	n, err := client.Read(p)
	if string(p[:n]) != "hello\n" || err != nil {
		t.Error(string(p[:n]), err)
	}
	<-asked
}

// valueContext carries a value to the first handshake.
type valueContext struct{ context.Context }

func (v valueContext) Value(key any) any {
	if key == (panicContext{}) {
		return true
	}
	return v.Context.Value(key)
}
