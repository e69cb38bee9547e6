//go:build unix

package tlsserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
)

var soakFor = flag.Duration("soak", 0, "how long TestServerSoak runs, instead of until it has seen some hundred connections, or 2,000 in CI")

// TestServerSoak has clients of all kinds come and go at random, with a Handler that closes,
// aborts, panics and posts, and an engine that fails, while servers are shut down in the
// middle. Afterwards there are no more jobs, goroutines, fds and memory than before.
func TestServerSoak(t *testing.T) {
	d, least := *soakFor, uint64(tlstest.Repeat(300, 2000))
	if d == 0 {
		d = time.Duration(tlstest.Repeat(300, 1000)) * time.Millisecond
	}
	e, err := engine.New(engine.Config{Name: "soak", Workers: 2, Depth: 8, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	server, client := tlstest.Configs(t, e)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(10)
	soakServers(t, server, client, 100*time.Millisecond, 0) // allocates everything that is allocated once
	goroutines, files, before := runtime.NumGoroutine(), openFDs(), memory()
	n := soakServers(t, server, client, d, least)
	testwait.Await(t, "the goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	testwait.Await(t, "the fds", func() bool { return openFDs() <= files })
	const slack = 4 << 20
	testwait.Await(t, "the memory", func() bool { return memory() <= before+slack })
	if st := e.Stats(); st.InFlight+st.Queued+st.Waiting != 0 {
		t.Errorf("left in the engine: %+v", st)
	}
	t.Log(n, "connections")
}

func soakServers(t *testing.T, server, client *tls.Config, d time.Duration, least uint64) (n uint64) {
	for end := time.Now().Add(d); time.Now().Before(end) || n < least && !t.Failed(); {
		n += soakServer(t, server, client, min(d, time.Second))
	}
	return n
}

func soakServer(t *testing.T, server, client *tls.Config, d time.Duration) uint64 {
	var opened, closed, failed atomic.Int64
	h := &funcs{
		open:   func(*tlsserver.Conn) error { opened.Add(1); return soakError() },
		closed: func(*tlsserver.Conn, error) { closed.Add(1); soakBreak() },
		data: func(c *tlsserver.Conn, p []byte) error {
			switch rand.N(40) {
			case 0:
				c.Abort()
			case 1:
				c.Close()
			case 2:
				c.CloseWrite()
			case 3:
				go c.Loop().Post(func() { c.Write([]byte("posted")); c.Close() })
			case 4:
				soakBreak()
			}
			c.Write(p)
			return soakError()
		},
	}
	s := &tlsserver.Server{
		TLS: server, Handler: h, Loops: 2, MaxHandshakes: 1 + rand.N(10), MaxPending: 2 + rand.N(50),
		HandshakeTimeout: 100*time.Millisecond + rand.N(time.Second), IdleTimeout: 50*time.Millisecond + rand.N(time.Second),
		Failed: func(net.Addr, error) { failed.Add(1); soakBreak() },
	}
	ln := listen(t, "tcp", "127.0.0.1:0")
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	end := time.Now().Add(d)
	var clients sync.WaitGroup
	for range 80 {
		clients.Go(func() {
			for time.Now().Before(end) {
				if !soakClient(ln.Addr().String(), client) {
					return // the server has closed
				}
			}
		})
	}
	time.Sleep(rand.N(d))
	ctx, cancel := context.WithTimeout(context.Background(), rand.N(2*d))
	clients.Go(func() { s.Shutdown(ctx) })
	s.Shutdown(ctx)
	cancel()
	if err := <-served; err != tlsserver.ErrClosed {
		t.Error(err)
	}
	clients.Wait()
	st := s.Stats()
	if opened.Load() != closed.Load() || uint64(opened.Load()) != st.Handshakes || uint64(failed.Load()) != st.Failed+st.TimedOut ||
		st.Open+st.Handshaking != 0 || st.Accepted != st.Handshakes+st.Failed+st.TimedOut+st.Canceled {
		t.Errorf("%d opened, %d closed, %d failed, %+v", opened.Load(), closed.Load(), failed.Load(), st)
	}
	return st.Accepted
}

var errSoak = errors.New("soak")

func soakError() error {
	if rand.N(30) == 0 {
		return errSoak
	}
	return nil
}

func soakBreak() {
	switch rand.N(30) {
	case 0:
		panic("soak")
	case 1:
		runtime.Goexit()
	}
}

// soakClient is one connection. It is false when none could be made.
func soakClient(addr string, config *tls.Config) bool {
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(2 * time.Second))
	if rand.N(4) == 0 {
		raw.(*net.TCPConn).SetLinger(0) // it ends in a reset
	}
	switch rand.N(10) {
	case 0: // leaves at once, or is refused
		raw.Write([]byte(strings.Repeat("garbage", rand.N(100))))
		return true
	case 1: // leaves in the middle
		time.AfterFunc(rand.N(5*time.Millisecond), func() { raw.Close() })
	case 2: // garbage in the middle
		time.AfterFunc(rand.N(20*time.Millisecond), func() { raw.Write([]byte("garbage")) })
	}
	c := tls.Client(raw, config)
	for range rand.N(10) {
		p := make([]byte, 1+rand.N(40_000))
		if _, err := c.Write(p); err != nil {
			return true
		}
		if rand.N(10) == 0 {
			c.CloseWrite()
			io.Copy(io.Discard, c)
			return true
		}
		if _, err := io.ReadFull(c, p); err != nil {
			return true
		}
	}
	if rand.N(2) == 0 {
		c.Close()
	}
	return true
}
