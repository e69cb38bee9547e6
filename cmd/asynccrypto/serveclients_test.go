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
	"asynccrypto/internal/testwait"
)

// The real command serves real clients, and gets a real signal. In CI all these programs must be
// installed. Behind -proxy is a backend that speaks HTTP/1.1, or HTTP/2 without TLS, as gRPC does.
func TestServeRealClients(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte("it works\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(http.FileServer(http.Dir(root)))
	defer backend.Close()
	h2c := httptest.NewUnstartedServer(backend.Config.Handler)
	h2c.Config.Protocols = new(http.Protocols)
	h2c.Config.Protocols.SetUnencryptedHTTP2(true)
	h2c.Start()
	defer h2c.Close()
	for _, test := range []struct {
		args            []string
		http1, version2 bool // which versions of HTTP the server or the backend speaks
	}{
		{[]string{"-root", root}, true, true},
		{[]string{"-proxy", backend.Listener.Addr().String()}, true, false},
		{[]string{"-proxy", h2c.Listener.Addr().String(), "-alpn", "h2"}, false, true},
	} {
		if test.args[0] == "-proxy" && runtime.GOOS == "windows" {
			continue
		}
		log := new(testwait.Log)
		cmd := exec.Command("asynccrypto", append([]string{"serve", "-addr", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile}, test.args...)...)
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
		url := "https://localhost:" + port + "/"
		curl := []string{"-sS", "--cacert", cert.File, "-w", "%{http_version} %{http_code}", url}
		if test.version2 {
			realClient(t, "it works\n2 200", "curl", append(curl, "--http2")...)
			realClient(t, "200 succeeded, 0 failed", "h2load", "-n200", "-c4", "-m10", "https://127.0.0.1:"+port+"/")
			realClient(t, "200 it works", "node", "-e", `
				const c = require("http2").connect(process.argv[1], {ca: require("fs").readFileSync(process.argv[2])})
				const r = c.request()
				r.on("response", h => process.stdout.write(h[":status"] + " ")).on("data", d => process.stdout.write(d)).on("end", () => c.close())`,
				url, cert.File)
		}
		if test.http1 {
			realClient(t, "it works\n1.1 200", "curl", append(curl, "--http1.1", "--tls-max", "1.2")...)
			for _, version := range []string{"-tls1_2", "-tls1_3"} {
				realClient(t, "it works", "openssl", "s_client", "-connect", "localhost:"+port, version, "-CAfile", cert.File, "-verify_return_error", "-quiet")
			}
			realClient(t, "Failed requests:        0", "ab", "-n200", "-c4", "https://127.0.0.1:"+port+"/")
			realClient(t, "200 succeeded, 0 failed", "h2load", "--h1", "-n200", "-c4", "https://127.0.0.1:"+port+"/")
			for _, priority := range []string{"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"} {
				realClient(t, "it works", "gnutls-cli", "--x509cafile", cert.File, "--priority", priority, "--port", port, "localhost")
			}
			realClient(t, "200 it works", "node", "-e", `
				require("https").get(process.argv[1], {ca: require("fs").readFileSync(process.argv[2])}, r => {
					process.stdout.write(r.statusCode + " ")
					r.on("data", d => process.stdout.write(d))
				})`, url, cert.File)
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
