package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// start runs the server until the test is over, and returns what it takes to be its client.
func start(t *testing.T, h http.Handler) (addr string, client *tls.Config, eng *engine.Engine, srv *http.Server) {
	t.Helper()
	procs := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	cert, err := throwAway()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	eng, err = newEngine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	config, err := newConfig(cert, eng)
	if err != nil {
		t.Fatal(err)
	}
	srv = newServer(config, h)
	srv.ErrorLog = log.New(io.Discard, "", 0) // a line for each handshake that is given up
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return l.Addr().String(), &tls.Config{RootCAs: roots}, eng, srv
}

// newClient returns a client that speaks one version of HTTP.
func newClient(t *testing.T, c *tls.Config, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c.Clone(), Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func get(c *http.Client, addr string) (string, error) {
	resp, err := c.Get("https://" + addr + "/")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// Both versions of HTTP work, and the engine signs for both.
func TestVersions(t *testing.T) {
	addr, client, eng, _ := start(t, http.HandlerFunc(hello))
	const each = 20
	var wg sync.WaitGroup
	for _, http2 := range []bool{false, true} {
		want := "hello over HTTP/1.1\n"
		if http2 {
			want = "hello over HTTP/2.0\n"
		}
		for range each {
			wg.Go(func() {
				if got, err := get(newClient(t, client, http2), addr); got != want || err != nil {
					t.Errorf("%q %v", got, err)
				}
			})
		}
	}
	wg.Wait()
	s := eng.Stats()
	if s.Completed < 2*each {
		t.Errorf("the engine signed %d times for %d handshakes", s.Completed, 2*each)
	}
	if ok, _ := multibuffer.Supported(); ok && s.Vectorized == 0 {
		t.Error("nothing was signed eight at a time")
	}
}

// A request under way is answered when the server shuts down.
func TestShutdown(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	addr, client, _, srv := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-answer
		hello(w, r)
	}))
	got := make(chan error, 1)
	go func() {
		_, err := get(newClient(t, client, true), addr)
		got <- err
	}()
	<-asked
	down := make(chan error, 1)
	srv.RegisterOnShutdown(func() { close(answer) })
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		down <- srv.Shutdown(ctx)
	}()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// No more handshakes are under way than bounded allows, and each gives its place back, also one that failed.
func TestBounded(t *testing.T) {
	get := bounded(1)
	// shake has a handshake ask for a place, keeps it until ctx is done, and then fails.
	shake := func(ctx context.Context, asked chan<- error) {
		a, b := net.Pipe()
		defer b.Close()
		go tls.Client(b, &tls.Config{InsecureSkipVerify: true}).Handshake()
		tls.Server(a, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			_, err := get(h)
			asked <- err
			<-ctx.Done()
			return nil, ctx.Err()
		}}).HandshakeContext(ctx)
	}
	ctx, end := context.WithCancel(context.Background())
	first, second := make(chan error, 1), make(chan error, 1)
	go shake(ctx, first)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	shake(late, second)
	if err := <-second; err == nil {
		t.Error("a second one got a place while the first had it")
	}
	end()
	ctx, end = context.WithCancel(context.Background())
	defer end()
	go shake(ctx, second)
	if err := <-second; err != nil {
		t.Error("the place did not come back:", err)
	}
}

// TestMain is also the clients of TestStorm, in a process of their own: in the server's they would compete with requests.
func TestMain(m *testing.M) {
	if addr := os.Getenv("STORM"); addr != "" {
		storm(addr)
		return
	}
	os.Exit(m.Run())
}

// storm does handshakes, 100 at a time, until stdin ends, and prints how many.
func storm(addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	var handshakes atomic.Int64
	for range 100 {
		clients.Go(func() {
			d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
			for ctx.Err() == nil {
				if conn, err := d.DialContext(ctx, "tcp", addr); err == nil {
					handshakes.Add(1)
					conn.Close()
				}
			}
		})
	}
	io.Copy(io.Discard, os.Stdin)
	cancel()
	clients.Wait()
	fmt.Println(handshakes.Load())
}

// An established connection is answered while 100 clients do nothing but handshakes. The bound says no more than that
// answers don't stand in line behind all the handshakes.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	addr, client, _, _ := start(t, http.HandlerFunc(hello))
	established := newClient(t, client, true)
	if _, err := get(established, addr); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORM="+addr, "GOMAXPROCS=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		began := time.Now()
		if _, err := get(established, addr); err != nil {
			t.Error(err)
			break
		}
		took = append(took, time.Since(began))
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var handshakes int
	fmt.Sscan(printed.String(), &handshakes)
	slices.Sort(took)
	t.Logf("%d handshakes; answers took %v, and %v (p99)", handshakes, took[len(took)/2], took[len(took)*99/100])
	if handshakes < 10 {
		t.Error("there was no storm")
	}
	if took[len(took)/2] > 250*time.Millisecond {
		t.Error("answers took too long")
	}
}
