//go:build unix

package serve

import (
	"crypto/tls"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the ends of TestServeProxyRandomEnds and TestServeSoak; 0 is a new one")

// openConnections is the line of the metrics that counts open connections, before their number.
const openConnections = `asynccrypto_server_connections{server="proxy",state="open"} `

// The backend has answered and closed. The client goes on sending, ends its direction and waits
// for the end, which comes, with close_notify.
func TestServeProxyBackendLeaves(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		l, err := net.Listen(network, map[string]string{"tcp": "127.0.0.1:0", "unix": t.TempDir() + "/s"}[network])
		if err != nil {
			t.Fatal(err)
		}
		tlstest.Serve(t, l, func(_ int, c net.Conn) {
			io.ReadFull(c, make([]byte, 4))
			io.WriteString(c, "answer")
		})
		backend := l.Addr().String()
		if network == "unix" {
			backend = "unix:" + backend
		}
		s, config := proxied(t, backend, "-metrics", "127.0.0.1:0")
		c := dialTLS(t, s, config)
		io.WriteString(c, "ping") // all that the backend reads
		answer := make([]byte, 6)
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "answer" {
			t.Errorf("%q, %v", answer, err)
		}
		if n, err := c.Read(answer); n > 0 || err != io.EOF {
			t.Errorf("%d bytes, %v", n, err)
		}
		for range 2 { // the first makes the backend's system reset the connection
			io.WriteString(c, "more")
			time.Sleep(20 * time.Millisecond)
		}
		c.CloseWrite()
		// The server's FIN, which crypto/tls would not show after close_notify.
		if n, err := c.NetConn().Read(make([]byte, 1)); n > 0 || err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %d bytes, %v", network, n, err)
		}
		s.measured(openConnections + "0")
	}
}

// A client's reset is noticed while the backend reads nothing, and while the backend is not
// connected yet.
func TestServeProxyClientResets(t *testing.T) {
	release := make(chan bool)
	said := make(chan error, 1)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) {
		<-release
		_, err := io.Copy(io.Discard, c)
		said <- err
	})
	s, config := proxied(t, backend, "-metrics", "127.0.0.1:0")
	c := dialTLS(t, s, config)
	c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)) // until all buffers are full
	for {
		if _, err := c.Write(make([]byte, 1<<20)); err != nil {
			break
		}
	}
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
	s.measured(openConnections + "0")
	close(release)
	if err := <-said; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the backend saw %v", err)
	}
}

// end is one end of a connection that does things at random.
type end struct {
	net.Conn
	rand *rand.Rand
	fin  func() // ends the direction as TCP does
	note func() // ends the direction as TLS does; nil for a backend
	rst  func() // breaks the connection
}

// act does up to ten things at random, and then waits for the other end to be done if wait, or
// closes. It reports whether the other end was done in time.
func (e *end) act(wait bool) error {
	defer e.Close()
	buf := make([]byte, 64<<10)
	for range e.rand.IntN(10) {
		switch e.rand.IntN(12) {
		case 0, 1, 2, 3:
			e.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
			e.Write(buf[:1+e.rand.IntN(len(buf))])
		case 4, 5, 6, 7:
			e.SetReadDeadline(time.Now().Add(time.Duration(e.rand.IntN(10)) * time.Millisecond))
			e.Read(buf[:1+e.rand.IntN(len(buf))])
		case 8:
			time.Sleep(time.Duration(e.rand.IntN(20)) * time.Millisecond)
		case 9:
			if e.note != nil {
				e.note()
			}
		case 10:
			e.fin()
		case 11:
			if e.rand.IntN(3) == 0 {
				e.rst()
				return nil
			}
		}
	}
	if !wait {
		return nil
	}
	deadline := testwait.Limit()
	e.SetReadDeadline(deadline)
	io.Copy(io.Discard, e.Conn)
	if time.Now().After(deadline) {
		return errors.New("the other end was done, and this one was not told")
	}
	return nil
}

func reset(c net.Conn) {
	if c, ok := c.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	c.Close()
}

// randomEnds is the ends of many connections. A seed gives the actions of each of them.
type randomEnds struct {
	t    *testing.T
	seed uint64
}

func newRandomEnds(t *testing.T) *randomEnds {
	seed := *seedFlag
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	return &randomEnds{t: t, seed: seed}
}

// backend returns the part of the backend's connection n.
func (r *randomEnds) backend(wait bool) func(n int, c net.Conn) {
	return func(n int, c net.Conn) {
		e := &end{Conn: c, rand: rand.New(rand.NewPCG(r.seed, uint64(n))), rst: func() { reset(c) },
			fin: func() { c.(halfCloser).CloseWrite() }}
		if err := e.act(wait); err != nil {
			r.t.Errorf("backend %d: %v", n, err)
		}
	}
}

// client is the part of client n.
func (r *randomEnds) client(s *served, config *tls.Config, n int, wait bool) {
	random := rand.New(rand.NewPCG(^r.seed, uint64(n)))
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		r.t.Error(err)
		return
	}
	config = config.Clone()
	config.ServerName = "localhost"
	config.MaxVersion = []uint16{tls.VersionTLS12, tls.VersionTLS13}[random.IntN(2)]
	c := tls.Client(raw, config)
	e := &end{Conn: c, rand: random, rst: func() { reset(raw) }, note: func() { c.CloseWrite() },
		fin: func() { raw.(*net.TCPConn).CloseWrite() }}
	if random.IntN(20) == 0 { // an end during the handshake
		e.Conn, wait = raw, false
	} else if err := c.Handshake(); err != nil { // later its errors would be those of every Read
		r.t.Errorf("client %d: %v", n, err)
	}
	if err := e.act(wait); err != nil {
		r.t.Errorf("client %d: %v", n, err)
	}
}

// run makes the connections of clients first to first+n-1, 20 at a time.
func (r *randomEnds) run(s *served, config *tls.Config, first, n int, wait bool) {
	var all sync.WaitGroup
	slots := make(chan bool, 20)
	for i := range n {
		slots <- true
		all.Go(func() {
			r.client(s, config, first+i, wait)
			<-slots
		})
	}
	all.Wait()
}

// Whatever the two ends of a connection do, it ends when both are done, and nothing is left of it.
func TestServeProxyRandomEnds(t *testing.T) {
	r := newRandomEnds(t)
	for _, clientsWait := range []bool{true, false} {
		for _, network := range []string{"tcp", "unix"} {
			l, err := net.Listen(network, map[string]string{"tcp": "127.0.0.1:0", "unix": t.TempDir() + "/s"}[network])
			if err != nil {
				t.Fatal(err)
			}
			tlstest.Serve(t, l, r.backend(!clientsWait))
			goroutines := runtime.NumGoroutine()
			backend := l.Addr().String()
			if network == "unix" {
				backend = "unix:" + backend
			}
			s, config := proxied(t, backend, "-metrics", "127.0.0.1:0", "-nice", "0")
			r.run(s, config, 0, 5, clientsWait) // after these the event loops have all fds of their own
			s.measured(openConnections + "0")
			http.DefaultClient.CloseIdleConnections()
			files := openFiles(t)
			r.run(s, config, 5, 150, clientsWait)
			s.measured(openConnections+"0", `asynccrypto_server_connections{server="proxy",state="handshaking"} 0`,
				`asynccrypto_server_jobs{server="proxy",state="running"} 0`, `asynccrypto_server_jobs{server="proxy",state="paused"} 0`)
			http.DefaultClient.CloseIdleConnections()
			awaitFiles(t, files)
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			awaitGoroutines(t, goroutines)
		}
	}
}
