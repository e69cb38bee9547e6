package asynctls_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// startHTTP serves over HTTP/1 and HTTP/2 with a prepared config, as a user would; the answer
// is the protocol.
func startHTTP(t *testing.T, c *tls.Config) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{TLSConfig: asynctls.Config(c), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s resumed %v client %d\n", r.Proto, r.TLS.DidResume, len(r.TLS.PeerCertificates))
	})}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { srv.Close(); <-done })
	return ln.Addr().String()
}

// net/http with a prepared config: Go's client and curl, both protocols, client certificates
// and tickets, and every full handshake's signature is the engine's.
func TestHTTP(t *testing.T) {
	e := tlstest.NewEngine(t)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	addr := startHTTP(t, &tls.Config{
		Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: tlstest.RootsOf(cert),
	})
	cc := asynctls.Config(&tls.Config{
		RootCAs: tlstest.RootsOf(cert), ClientSessionCache: tls.NewLRUClientSessionCache(1), Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)},
	})
	for i, want := range []string{"HTTP/2.0 resumed false client 1\n", "HTTP/2.0 resumed true client 1\n"} {
		transport := &http.Transport{TLSClientConfig: cc, ForceAttemptHTTP2: true}
		r, err := (&http.Client{Transport: transport}).Get("https://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != want {
			t.Errorf("%d: %q, want %q", i, body, want)
		}
	}
	if n := e.Stats().Completed; n != 2 {
		t.Error(n, "signatures, want one of each side")
	}
	t.Run("curl", func(t *testing.T) {
		curl, file := tlstest.Command(t, "curl"), writePEM(t, cert)
		for arg, want := range map[string]string{"--http2": "HTTP/2.0 resumed false client 1", "--http1.1": "HTTP/1.1 resumed false client 1"} {
			for _, version := range []string{"1.2", "1.3"} {
				out, err := exec.Command(curl, "-sS", arg, "--tls-max", version, "--cacert", file, "--cert", file, "https://"+addr).CombinedOutput()
				if strings.TrimSpace(string(out)) != want || err != nil {
					t.Errorf("%s: %q, %v, want %q", arg, out, err, want)
				}
			}
		}
		if n := e.Stats().Completed; n != 6 {
			t.Error(n, "signatures")
		}
	})
}

// Go's own client and server, over sockets, with a Conn at the other end.
func TestPeersOfGo(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	sc, cc := tlstest.Configs(t, e)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cc := cc.Clone()
		cc.MaxVersion = version
		addr, states, errs := serveEcho(t, sc, &asynctls.Options{Pool: pool})
		client, err := tls.Dial("tcp", addr, cc)
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, client)
		client.Close()
		if state := <-states; state.Version != version {
			t.Error(state.Version)
		}
		if err := <-errs; err != nil {
			t.Error(err)
		}

		ln, err := tls.Listen("tcp", "127.0.0.1:0", sc)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			nc, err := ln.Accept()
			if err == nil {
				io.Copy(nc, nc)
				nc.Close()
			}
		}()
		w := dialWired(t, ln.Addr().String(), cc, &asynctls.Options{Pool: pool})
		checkEcho(t, w)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		ln.Close()
	}
}

func checkEcho(t *testing.T, c io.ReadWriter) {
	t.Helper()
	const text = "0123456789abcdef"
	for range 100 {
		if _, err := io.WriteString(c, strings.Repeat(text, 500)); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 500*len(text))
		if _, err := io.ReadFull(c, p); err != nil || string(p) != strings.Repeat(text, 500) {
			t.Fatal("the echo is another:", err)
		}
	}
}
