package docs_test

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/internal/testwait"
)

const openSSLPage = "docs/guide/10-openssl.md"

// TestOpenSSLPage runs the commands of the page in one shell, in their order: from a HAProxy with a
// private key to one with a handle, whose key server is killed. From the first start to the end clients
// make connections, and each is served.
func TestOpenSSLPage(t *testing.T) {
	for _, program := range []string{"bash", "openssl", "curl", "make", "cc", "haproxy"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
	}
	s := newShell(t, openSSLPage)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	s.replace = []string{
		"localhost:8443", freeAddress(t),
		"make -C /path/to/the/clone/provider", "make -s -C " + root + "/provider B=" + s.dir + "/build",
		"/path/to/the/clone/provider/build", s.dir + "/build",
	}
	output(t, "..", "go", "build", "-pgo=off", "-o", s.dir, "./cmd/asynccrypto")

	t.Cleanup(func() { exec.Command("sh", "-c", "kill -KILL $(cat "+s.dir+"/haproxy.pid)").Run() })
	if got := s.runAll(t, "plain"); got != "hello" {
		t.Errorf("HAProxy answers %q", got)
	}
	s.searchHAProxy(t, true)

	client := s.newClient(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var answered atomic.Int64
	for range 4 {
		clients.Go(func() {
			for {
				if err := client(); err != nil {
					t.Errorf("after %d requests: %v", answered.Load(), err)
					return
				}
				answered.Add(1)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	more := func() {
		t.Helper()
		want := answered.Load() + 20
		testwait.Await(t, "requests", func() bool { return answered.Load() >= want || t.Failed() })
	}
	more()
	if got := s.runAll(t, "provider"); !strings.HasPrefix(got, "hello{") || !strings.Contains(got, `"context":"tls13-server"`) || !strings.Contains(got, `"result":"ok"`) {
		t.Errorf("HAProxy and the audit log say %q", got)
	}
	more()
	s.searchHAProxy(t, false)
	before := s.signatures(t)
	if got := s.runAll(t, "death"); got != "hello" {
		t.Errorf("HAProxy answers %q", got)
	}
	more()
	if after := s.signatures(t); after < before+20 {
		t.Errorf("%d signatures, and later %d", before, after)
	}
	close(stop)
	clients.Wait()
	s.runAll(t, "end")
}

// newClient returns a function that makes a request to the page's server by a connection of its own. The
// function may be called by several goroutines.
func (s *shell) newClient(t *testing.T) func() error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(s.dir, "web.crt"))))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	url := "https://" + s.address("localhost:8443") + "/"
	return func() error {
		answer, err := client.Get(url)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err == nil && string(text) != "hello" {
			err = fmt.Errorf("the answer is %q", text)
		}
		return err
	}
}

// signatures returns the number of signatures in the audit log.
func (s *shell) signatures(t *testing.T) int {
	t.Helper()
	return strings.Count(read(t, filepath.Join(s.dir, "audit.log")), `"result":"ok"`)
}

// searchHAProxy checks whether a prime of the key is in the memory of the HAProxy that serves, in either
// order of bytes. Module provider searches for all numbers of keys of all kinds.
func (s *shell) searchHAProxy(t *testing.T, want bool) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "web.crt"), filepath.Join(s.dir, "web.key"))
	if err != nil {
		t.Fatal(err)
	}
	big := pair.PrivateKey.(*rsa.PrivateKey).Primes[0].Bytes()[:32]
	little := slices.Clone(big)
	slices.Reverse(little)
	process := "/proc/" + strings.TrimSpace(read(t, filepath.Join(s.dir, "haproxy.pid")))
	memory, err := os.Open(process + "/mem")
	if errors.Is(err, fs.ErrPermission) {
		t.Log("not searched: ", err) // the system lets only root read it
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	found, size := false, 0
	for maps := bufio.NewScanner(strings.NewReader(read(t, process+"/maps"))); maps.Scan(); {
		var begin, end int64
		var mode string
		if _, err := fmt.Sscanf(maps.Text(), "%x-%x %s", &begin, &end, &mode); err != nil || mode[0] != 'r' {
			continue // or the kernel's
		}
		text := make([]byte, end-begin)
		n, _ := memory.ReadAt(text, begin) // the kernel's pages can't be read
		size += n
		found = found || bytes.Contains(text[:n], big) || bytes.Contains(text[:n], little)
	}
	if size < 1<<20 {
		t.Fatalf("only %d bytes of HAProxy can be read", size)
	}
	if found != want {
		t.Errorf("the key is in the memory of HAProxy: %t", found)
	}
}

// TestConfigurations holds the lines of configurations on the page to those that the provider's tests
// run programs with. Only names of files differ.
func TestConfigurations(t *testing.T) {
	blocks := regexp.MustCompile(`(?m)^<!-- lines as in (\S+) -->\n\n((?:    .*\n)+)`).FindAllStringSubmatch(read(t, filepath.Join("..", openSSLPage)), -1)
	if len(blocks) == 0 {
		t.Error("the page has no such lines")
	}
	file := regexp.MustCompile(`(?:OPENSSL_CONF=)?[^\s"=]+\\\.(?:pem|crt|cnf)`) // in a quoted pattern
	for _, b := range blocks {
		tested := read(t, filepath.Join("..", b[1]))
		for line := range strings.Lines(b[2]) {
			pattern := file.ReplaceAllString(regexp.QuoteMeta(strings.TrimSpace(line)), `.+`)
			if !regexp.MustCompile(pattern).MatchString(tested) {
				t.Errorf("%s has no line %s", b[1], strings.TrimSpace(line))
			}
		}
	}
}
