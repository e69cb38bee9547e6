//go:build unix

package tlsserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
	"asynccrypto/reactor"
)

// newStuck returns an engine that answers only while the gate is open.
func newStuck(t testing.TB) (e *engine.Engine, gate *sync.RWMutex) {
	t.Helper()
	gate = new(sync.RWMutex)
	e, err := engine.New(engine.Config{Name: "stuck", Handler: func(batch []*engine.Request) {
		gate.RLock()
		defer gate.RUnlock()
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e, gate
}

// hello returns a ClientHello that can be sent any number of times.
func hello(t testing.TB, client *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	go tls.Client(near, client).Handshake()
	p := make([]byte, 4096)
	n, err := far.Read(p)
	near.Close()
	if err != nil {
		t.Fatal(err)
	}
	return p[:n]
}

// failures counts the calls of Failed.
type failures struct {
	mu sync.Mutex
	by map[string][]error
}

func (f *failures) Failed(remote net.Addr, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = make(map[string][]error)
	}
	f.by[remote.String()] = append(f.by[remote.String()], err)
}

// check wants n failures, each reported once, in one line, of the right kind.
func (f *failures) check(t testing.TB, n int, kind func(error) bool) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.by) != n {
		t.Errorf("%d failed, not %d", len(f.by), n)
	}
	for remote, errs := range f.by {
		if len(errs) != 1 || errs[0] == nil || strings.Contains(errs[0].Error(), "\n") || !kind(errs[0]) {
			t.Fatal(remote, errs)
		}
	}
}

// While many handshakes wait for an engine that is stuck, open connections go on, and none of
// them holds a thread, or much memory.
func TestServerStuckEngine(t *testing.T) {
	e, gate := newStuck(t)
	server, client := tlstest.Configs(t, e)
	var failed failures
	s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 2, HandshakeTimeout: time.Hour, Failed: failed.Failed}
	addr := serve(t, s)
	open := dial(t, addr, client)
	ask(t, open, "hello")
	p := hello(t, client)
	threads, before := countThreads(), memory()

	gate.Lock()
	n := tlstest.Repeat(500, 2000)
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dialRaw(t, addr)
		if _, err := conns[i].Write(p); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			ask(t, open, "still there")
		}
	}
	testwait.Await(t, "the handshakes to wait", func() bool {
		st := e.Stats()
		return st.InFlight+st.Queued+st.Waiting == n
	})
	ask(t, open, "still there")
	if now := countThreads(); now > threads+20 {
		t.Errorf("%d threads, %d before", now, threads)
	}
	each := (memory() - before) / int64(n)
	t.Log(each, "bytes for each handshake under way, the client's end included")
	if each > 64<<10 {
		t.Errorf("%d bytes for each handshake under way", each)
	}
	if st := s.Stats(); st.Handshaking != n || st.Open != 1 {
		t.Errorf("%+v", st)
	}
	for _, c := range conns {
		c.Close()
	}
	gate.Unlock()
	testwait.Await(t, "the handshakes to fail", func() bool { return s.Stats().Failed == uint64(n) && s.Stats().Handshaking == 0 })
	failed.check(t, n, func(error) bool { return true })
	ask(t, open, "still there")
}

// In each turn of a loop the data of open connections comes before handshakes, of which one
// step is taken. The loop stands still until a storm of ClientHellos is there, and data behind
// it; more data comes in the middle.
func TestServerOpenComesFirst(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	const n, few = 60, 5 // hellos, and how many of them may come before data that is there
	var loop *reactor.Loop
	var order []string // of the loop's goroutine
	var late *tls.Conn
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if late != nil {
			order = append(order, "hello")
			if len(order) == 20 {
				late.Write([]byte("late"))
			}
		}
		return nil, nil
	}
	got := make(chan string, 10)
	s := &tlsserver.Server{TLS: server, Loops: 1, Handler: &funcs{
		open: func(c *tlsserver.Conn) error { loop = c.Loop(); return nil },
		data: func(c *tlsserver.Conn, p []byte) error {
			order = append(order, string(p))
			got <- string(p)
			return nil
		},
	}}
	// Over unix sockets the bytes have arrived when Write returns.
	addr := serveOn(t, s, listen(t, "unix", filepath.Join(t.TempDir(), "s")))
	connect := func() net.Conn {
		c, err := net.Dial("unix", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	open := func() *tls.Conn {
		c := tls.Client(connect(), client)
		c.Write([]byte("open"))
		testwait.Receive(t, "Data", got)
		return c
	}
	early, second := open(), open()
	hellos := make([]net.Conn, n)
	for i := range hellos {
		hellos[i] = connect()
	}
	testwait.Await(t, "the connections", func() bool { return s.Stats().Handshaking == n })
	still, goOn := make(chan bool), make(chan bool)
	loop.Post(func() { // behind the last that was accepted
		order, late = nil, second
		close(still)
		<-goOn
	})
	<-still
	p := hello(t, client)
	for _, c := range hellos {
		c.Write(p)
	}
	early.Write([]byte("early"))
	close(goOn)
	testwait.Receive(t, "Data", got)
	testwait.Receive(t, "Data", got)
	seen := make(chan []string)
	testwait.Await(t, "the hellos", func() bool {
		loop.Post(func() { seen <- slices.Clone(order) })
		return len(<-seen) == n+2
	})
	loop.Post(func() { seen <- order })
	all := <-seen
	if i := slices.Index(all, "early"); i > few {
		t.Errorf("%d handshakes came before the data that was there", i)
	}
	if i := slices.Index(all, "late"); i > n/2+10 { // the 20th has sent it
		t.Errorf("%d handshakes came before the data that came in their middle", i)
	}
}

func countThreads() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("Threads:"))
	n := 0
	for _, c := range bytes.TrimSpace(rest) {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// More handshakes than MaxHandshakes stand in line: they are served in their turn, or expire there.
func TestServerMaxHandshakes(t *testing.T) {
	t.Parallel()
	for _, expire := range []bool{false, true} {
		e, gate := newStuck(t)
		server, client := tlstest.Configs(t, e)
		var failed failures
		s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 1, MaxHandshakes: 2, Failed: failed.Failed}
		if expire {
			s.HandshakeTimeout = 300 * time.Millisecond
		}
		addr := serve(t, s)
		gate.Lock()
		const n = 20
		var clients sync.WaitGroup
		for range n {
			clients.Go(func() {
				c, err := tls.Dial("tcp", addr, client)
				if (err != nil) != expire {
					t.Error(err)
				}
				if c != nil {
					c.Close()
				}
			})
		}
		testwait.Await(t, "the clients", func() bool { return s.Stats().Accepted == n })
		if expire {
			testwait.Await(t, "the end", func() bool { return s.Stats().TimedOut == n })
			gate.Unlock()
			failed.check(t, n, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) })
		} else {
			testwait.Await(t, "the line", func() bool {
				st := s.Stats()
				return st.Paused == 2 && st.InLine == n-2 && st.Running == 0
			})
			if st := e.Stats(); st.InFlight+st.Queued+st.Waiting != 2 {
				t.Errorf("%+v", st)
			}
			gate.Unlock()
		}
		clients.Wait()
	}
}

// A handshake that comes a byte at a time has no more time than others.
func TestServerSlowLoris(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	var failed failures
	s := &tlsserver.Server{TLS: server, Handler: echo{}, HandshakeTimeout: 300 * time.Millisecond, Failed: failed.Failed}
	addr := serve(t, s)
	var clients sync.WaitGroup
	for range 10 {
		c := dialRaw(t, addr)
		clients.Go(func() {
			hello := hello(t, client)
			for _, b := range hello[:len(hello)-1] {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			io.Copy(io.Discard, c) // until the server ends it
		})
	}
	clients.Wait()
	testwait.Await(t, "the end", func() bool { return s.Stats().TimedOut == 10 && s.Stats().Handshaking == 0 })
	failed.check(t, 10, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) })
}

// Garbage instead of a handshake, and an engine that is closed, are reported with their cause.
// Open connections go on.
func TestServerFailed(t *testing.T) {
	e := tlstest.NewEngine(t)
	server, client := tlstest.Configs(t, e)
	var failed failures
	s := &tlsserver.Server{TLS: server, Handler: echo{}, Failed: failed.Failed}
	addr := serve(t, s)
	open := dial(t, addr, client)
	ask(t, open, "hello")
	for _, p := range []string{"GET / HTTP/1.0\r\n\r\n", strings.Repeat("\x16\x03\x01\x40\x00garbage", 3000), ""} {
		c := dialRaw(t, addr)
		c.Write([]byte(p))
		c.CloseWrite()
		io.Copy(io.Discard, c)
		c.Close()
	}
	testwait.Await(t, "the failures", func() bool { return s.Stats().Failed == 3 })
	e.Close()
	if c, err := tls.Dial("tcp", addr, client); err == nil {
		c.Close()
		t.Error("a handshake without an engine")
	}
	testwait.Await(t, "the failure", func() bool { return s.Stats().Failed == 4 })
	broken := 0
	failed.check(t, 4, func(err error) bool {
		if strings.Contains(err.Error(), "engine") {
			broken++
		}
		return true
	})
	if broken != 1 {
		t.Error("no failure names the engine:", failed.by)
	}
	ask(t, open, "still there")
}

type contextKey struct{}

// The values of Server.Context reach the functions of TLS. A Failed that panics concerns nobody.
func TestServerContext(t *testing.T) {
	var value atomic.Value
	_, client := tlstest.Configs(t, tlstest.NewEngine(t))
	server := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		value.Store(hello.Context().Value(contextKey{}))
		return nil, errors.New("refused")
	}}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "of the test"))
	cancel()
	s := &tlsserver.Server{TLS: server, Handler: echo{}, Context: ctx, Failed: func(net.Addr, error) { panic("of the test") }}
	addr := serve(t, s)
	for range 2 {
		if c, err := tls.Dial("tcp", addr, client); err == nil {
			c.Close()
			t.Error("not refused")
		}
	}
	if value.Load() != "of the test" {
		t.Error(value.Load())
	}
}
