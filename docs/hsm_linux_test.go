package docs_test

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/testwait"
)

// TestServerWithFallback runs the net/http server of the page on HSMs, and kills its token once:
// p11-kit's server, with a token of SoftHSM behind it. No handshake fails. The file signs while the
// token is away, and the token signs again when it is back.
func TestServerWithFallback(t *testing.T) {
	m, key := hsmtest.SoftHSM(t), hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	socket, token := hsmtest.Server(t, m)
	behind := *m
	behind.Path = socket

	server := filepath.Join(newWorkspace(t), "server")
	writeProgram(t, server, programWith(t, "docs/guide/08-hsm.md", `http\.Server\{`, `fallback\.New\(`))
	output(t, server, "go", "build", "-o", "server", ".")
	roots := certify(t, server, key)
	url := start(t, server, "KEY="+behind.URI("site"))

	// signatures has the server make one more signature, and returns how many each place has made.
	signatures := func() (hsm, file int) {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			DisableKeepAlives: true, // so that each request has a handshake
		}}
		answer, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(string(text), "hsm: %d signatures\nfile: %d signatures\n", &hsm, &file); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return hsm, file
	}
	testwait.Await(t, "a signature of the token", func() bool { hsm, _ := signatures(); return hsm > 0 })
	_, before := signatures()
	token.Kill()
	testwait.Await(t, "a signature of the file", func() bool { _, file := signatures(); return file > before })
	before, _ = signatures()
	token.Start()
	testwait.Await(t, "the token's next signature", func() bool { hsm, _ := signatures(); return hsm > before })
}

// programWith returns the one program of a page that all the patterns match.
func programWith(t *testing.T, page string, patterns ...string) block {
	t.Helper()
	var found []block
	for _, b := range goBlocks(page, read(t, filepath.Join("..", page))) {
		matches := b.program()
		for _, p := range patterns {
			matches = matches && regexp.MustCompile(p).MatchString(b.code)
		}
		if matches {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d programs of %s match %q, want 1", len(found), page, patterns)
	}
	return found[0]
}

// certify writes a key, and a certificate for localhost, into the files cert.pem and key.pem of dir,
// and returns the roots that a client needs.
func certify(t *testing.T, dir string, key crypto.Signer) *x509.CertPool {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		write(t, filepath.Join(dir, name), string(pem.EncodeToMemory(b)))
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return roots
}

// start runs the program server in dir until the test ends, and returns the URL that it logs.
func start(t *testing.T, dir string, env ...string) (url string) {
	t.Helper()
	cmd := exec.Command("./server", "-addr", "localhost:0")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	urls, ended := make(chan string, 1), make(chan struct{})
	var log strings.Builder // read when ended is closed
	go func() {
		defer close(ended)
		line := regexp.MustCompile(` https://\S+(:\d+)/$`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			if m := line.FindStringSubmatch(lines.Text()); m != nil && len(urls) == 0 {
				urls <- "https://localhost" + m[1] + "/"
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		cmd.Wait() // its error says that the program was killed
		if t.Failed() {
			t.Log(log.String())
		}
	})
	select {
	case url = <-urls:
	case <-ended:
		t.Fatal("the server has ended")
	case <-time.After(time.Until(testwait.Limit())):
		t.Fatal("the server does not say its address")
	}
	return url
}
