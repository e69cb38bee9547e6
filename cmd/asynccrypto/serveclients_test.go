package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// The real command serves the real curl and openssl, and gets a real signal. In CI both programs
// must be installed.
func TestServeRealClients(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte("it works\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(http.FileServer(http.Dir(root)))
	defer backend.Close()
	for _, what := range [][]string{{"-root", root}, {"-proxy", backend.Listener.Addr().String()}} {
		proxy := what[0] == "-proxy"
		if proxy && runtime.GOOS == "windows" {
			continue
		}
		log := new(tlstest.Log)
		cmd := exec.Command("asynccrypto", append([]string{"serve", "-addr", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile}, what...)...)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var err error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			err = cmd.Wait()
		}()
		t.Cleanup(func() { cmd.Process.Kill() })
		_, port, _ := net.SplitHostPort(log.Find(t, `listening on (\S+)`, ended)[1])
		url, version2 := "https://localhost:"+port+"/", "2"
		if proxy {
			version2 = "1.1" // the only version that the backend speaks
		}
		curl := []string{"-sS", "--cacert", cert.File, "-w", "%{http_version} %{http_code}", url}
		realClient(t, "it works\n"+version2+" 200", "curl", append(curl, "--http2")...)
		realClient(t, "it works\n1.1 200", "curl", append(curl, "--http1.1", "--tls-max", "1.2")...)
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			realClient(t, "it works", "openssl", "s_client", "-connect", "localhost:"+port, version, "-CAfile", cert.File, "-verify_return_error", "-quiet")
		}
		if cmd.Process.Signal(syscall.SIGTERM) != nil {
			continue // Windows
		}
		<-ended
		if err != nil || !strings.Contains(log.String(), "all connections have ended") {
			t.Errorf("%v\n%s", err, log)
		}
	}
}

// realClient runs a client program, which should succeed and print want.
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
