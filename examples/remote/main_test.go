//go:build linux || darwin || freebsd

package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"asynccrypto/internal/testwait"
	"asynccrypto/remote/keyserver"
)

// check checks what the example prints.
func check(t *testing.T, o options, want ...string) {
	t.Helper()
	var out strings.Builder
	if err := run(&out, o); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !regexp.MustCompile(w).MatchString(out.String()) {
			t.Errorf("it prints nothing like %s but\n%s", w, &out)
		}
	}
}

func TestLocal(t *testing.T) {
	check(t, options{name: "web", each: 50 * time.Millisecond}, `^[1-9]\d* signatures in 50ms, 0 failed\n`, `\nlocal +true +[1-9]`)
}

// One of two nodes drains meanwhile, and no signature fails.
func TestNodes(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var paths []string
	var servers []*keyserver.Server
	for i := range 2 {
		s, err := keyserver.New(keyserver.Config{
			Keys: map[string]crypto.Signer{"web": key}, Allow: fmt.Appendf(nil, "allow uid:%d sign web", os.Getuid()),
		})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.ServeUnix(l) }()
		t.Cleanup(func() {
			s.Close()
			if err := testwait.Receive(t, "the end of a server", served); err != keyserver.ErrClosed {
				t.Error(err)
			}
		})
		paths, servers = append(paths, "unix:"+l.Addr().String()), append(servers, s)
	}
	signed := func() uint64 { return servers[0].Stats().Keys[0].Outcomes.Signed }
	ended, drained := make(chan struct{}), make(chan error, 1)
	go func() {
		for signed() == 0 {
			select {
			case <-ended:
				drained <- errors.New("the first node has signed nothing")
				return
			case <-time.After(time.Millisecond):
			}
		}
		drained <- servers[0].Shutdown(t.Context())
	}()
	check(t, options{nodes: strings.Join(paths, ","), name: "web", each: 300 * time.Millisecond},
		`^[1-9]\d* signatures in 300ms, 0 failed\n`, `\nunix:\S+/0 `, `\nunix:\S+/1 +true +[1-9]`)
	close(ended)
	if err := testwait.Receive(t, "the end of the first node", drained); err != nil {
		t.Error(err)
	}
}

// A certificate that is missing is an error, and not a table of nodes that are down.
func TestNoCertificate(t *testing.T) {
	err := run(io.Discard, options{nodes: "unix:/a,localhost:1", cert: filepath.Join(t.TempDir(), "app.pem")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
