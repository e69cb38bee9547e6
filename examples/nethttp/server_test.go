package main

import (
	"bufio"
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
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// start runs the server until the test is over. It returns its address and the config of a client.
func start(t *testing.T, h http.Handler) (addr string, client *tls.Config, eng *engine.Engine, srv *http.Server) {
	t.Helper()
	procs := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	cert, err := newCertificate()
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
	srv.ErrorLog = log.New(io.Discard, "", 0) // it would have a line for each handshake that fails
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
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
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

// bounded lets no more handshakes be under way, and one that has ended makes room for the next,
// even if it failed.
func TestBounded(t *testing.T) {
	get := bounded(1)
	// handshake begins a handshake, which fails when ctx is done.
	handshake := func(ctx context.Context, asked chan<- error) {
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
	go handshake(ctx, first)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	handshake(late, second)
	if err := <-second; err == nil {
		t.Error("a second handshake went on while the first was under way")
	}
	end()
	ctx, end = context.WithCancel(context.Background())
	defer end()
	go handshake(ctx, second)
	if err := <-second; err != nil {
		t.Error("no handshake goes on after the first has failed:", err)
	}
}

// TestMain also runs the clients of TestStorm, in a process of their own. In the server's they
// would compete with requests.
func TestMain(m *testing.M) {
	if addr := os.Getenv("STORM"); addr != "" {
		storm(addr)
		return
	}
	os.Exit(m.Run())
}

// storm does handshakes, 100 at a time, until stdin ends, and prints how many. Before that it
// prints a line after the first 50, when the storm has begun, and after 150 more.
func storm(addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	var handshakes atomic.Int64
	for range 100 {
		clients.Go(func() {
			d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
			for ctx.Err() == nil {
				if conn, err := d.DialContext(ctx, "tcp", addr); err == nil {
					if n := handshakes.Add(1); n == 50 || n == 200 {
						fmt.Println("storm:", n)
					}
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

// An established connection is answered while 100 clients do nothing but handshakes. How long
// answers take is measured by the project's benchmarks (go run ./bench tls), and only logged
// here.
func TestStorm(t *testing.T) {
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
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for printed := bufio.NewScanner(stdout); printed.Scan(); {
			lines <- printed.Text()
		}
	}()
	if _, ok := <-lines; !ok {
		t.Fatal("there was no storm")
	}
	var took []time.Duration
	for ends := false; !ends; {
		began := time.Now()
		if _, err := get(established, addr); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
		select {
		case <-lines:
			ends = true
		case <-time.After(time.Millisecond):
		}
	}
	stdin.Close()
	handshakes, err := strconv.Atoi(<-lines)
	if err != nil {
		t.Error("the clients did not end well:", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(took)
	t.Logf("%d handshakes; %d answers took %v, and %v (p99)", handshakes, len(took), took[len(took)/2], took[len(took)*99/100])
}
