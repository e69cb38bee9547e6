package programs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
)

func newKey(t *testing.T) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := SelfSigned(private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// serves fails the test unless a server that was just started answers, accounts for its processes, and
// has nothing to complain about.
func serves(t *testing.T, s *Server, cert []byte, processes int) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	defer c.CloseIdleConnections()
	resp, err := c.Get("https://" + s.Addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "ok" || err != nil || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%q, %v, %s", body, err, tls.VersionName(resp.TLS.Version))
	}
	if pids, err := s.Processes(); len(pids) != processes || err != nil {
		t.Errorf("%d processes, not %d: %v", len(pids), processes, err)
	}
	if ns, _, err := s.CPU(); ns <= 0 || err != nil {
		t.Errorf("%d ns: %v", ns, err)
	}
	if err := s.Complained(); err != nil {
		t.Error(err)
	}
	s.Close()
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

func linux(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the processes of programs are known on linux only")
	}
}

func TestNginx(t *testing.T) {
	linux(t)
	version, err := NginxVersion(t.Context())
	if harness.IsMissing(err) {
		t.Skip(err)
	} else if err != nil || !strings.HasPrefix(version, "nginx/") || !strings.Contains(version, " with ") {
		t.Fatal(version, err)
	}
	k := newKey(t)
	for _, workers := range []int{1, 3} {
		s, err := Nginx{Key: k, Workers: workers}.Start(harness.NoPin)
		if err != nil {
			t.Fatal(err)
		}
		serves(t, s, k.Cert, 1+workers)
	}
}

func TestHAProxy(t *testing.T) {
	linux(t)
	h, err := FindHAProxy(t.Context(), "haproxy")
	if harness.IsMissing(err) {
		harnesstest.Without(t, err.Error())
	} else if err != nil || !strings.HasPrefix(h.Version, "HAProxy ") || !strings.HasPrefix(h.OpenSSL, "OpenSSL ") || h.Release() == "" {
		t.Fatalf("%+v, %v", h, err)
	}
	k := newKey(t)
	for _, async := range []bool{false, true} {
		s, err := h.Start(harness.NoPin, HAProxyServer{Key: k, Async: async})
		if err != nil {
			t.Fatal(err)
		}
		serves(t, s, k.Cert, 1)
	}
}

// A server that does not start says why.
func TestDoesNotStart(t *testing.T) {
	linux(t)
	h, err := FindHAProxy(t.Context(), "haproxy")
	if harness.IsMissing(err) {
		harnesstest.Without(t, err.Error())
	}
	k := newKey(t)
	k.Key = []byte("none")
	if _, err := h.Start(harness.NoPin, HAProxyServer{Key: k}); err == nil || !strings.Contains(err.Error(), "bench.pem") {
		t.Error(err)
	}
}

func TestMissing(t *testing.T) {
	if _, err := FindHAProxy(t.Context(), "no-such-haproxy"); !harness.IsMissing(err) {
		t.Error(err)
	}
	if _, err := exec.LookPath("true"); err != nil {
		t.Skip("there is no command true here")
	}
	if _, err := FindHAProxy(t.Context(), "true"); !harness.IsMissing(err) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FindHAProxy(ended, "true"); err != context.Canceled {
		t.Error(err)
	}
}
