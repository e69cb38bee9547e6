//go:build unix

package serve

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// A side that does not read holds up the other side, and costs no memory. One direction does not
// hold up the other.
func TestServeProxyBackPressure(t *testing.T) {
	const much = 200 << 20
	var sent atomic.Int64
	read, done := make(chan bool), make(chan int64, 1)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) {
		var all sync.WaitGroup
		all.Go(func() {
			block := make([]byte, 64<<10)
			for sent.Load() < much {
				n, err := c.Write(block)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
			c.(halfCloser).CloseWrite()
		})
		<-read
		n, _ := io.Copy(io.Discard, c)
		done <- n
		all.Wait()
	})
	s, config := proxied(t, backend)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	c := dialTLS(t, s, config)
	var written atomic.Int64
	finished := make(chan bool)
	go func() { // the client writes and does not read
		defer close(finished)
		block := make([]byte, 64<<10)
		for written.Load() < much {
			n, err := c.Write(block)
			written.Add(int64(n))
			if err != nil {
				t.Error(err)
				return
			}
		}
		c.CloseWrite()
	}()
	still := func(n *atomic.Int64) {
		for last, since := n.Load(), time.Now(); time.Since(since) < 300*time.Millisecond; time.Sleep(5 * time.Millisecond) {
			if now := n.Load(); now != last {
				last, since = now, time.Now()
			}
		}
	}
	still(&sent)
	still(&written)
	if sent.Load() == much || written.Load() == much {
		t.Errorf("%d and %d bytes went nowhere", sent.Load(), written.Load())
	}
	runtime.ReadMemStats(&now)
	if grown := int64(now.HeapInuse) - int64(before.HeapInuse); grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	// The backend begins to read. The client still does not read, and can nevertheless write
	// everything.
	read <- true
	<-finished
	if n := <-done; n != much || written.Load() != much {
		t.Errorf("the backend read %d bytes", n)
	}
	if sent.Load() == much {
		t.Error("the client's direction is no longer held up")
	}
	if n, err := io.Copy(io.Discard, c); n != much || err != nil {
		t.Errorf("the client read %d bytes, %v", n, err)
	}
}

// A connection has no goroutine, and leaves no fd behind.
func TestServeProxyGoroutines(t *testing.T) {
	var mu sync.Mutex
	var open []net.Conn
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // connections without goroutines of their own
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
	}()
	s, config := proxied(t, l.Addr().String(), "-metrics", "127.0.0.1:0", "-nice", "0")
	// After a first connection the event loops have all fds of their own.
	accepted := func(n int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(open) == n
		}
	}
	first := dialTLS(t, s, config)
	testwait.Await(t, "the first connection to the backend", accepted(1))
	first.NetConn().(*net.TCPConn).SetLinger(0)
	first.NetConn().Close()
	s.measured(openConnections + "0")
	http.DefaultClient.CloseIdleConnections()
	mu.Lock()
	open[0].Close()
	mu.Unlock()
	files, before := openFiles(t), runtime.NumGoroutine()
	var clients []*tls.Conn
	for range 150 {
		clients = append(clients, dialTLS(t, s, config))
	}
	testwait.Await(t, "the connections to the backend", accepted(1+len(clients)))
	if n := runtime.NumGoroutine(); n > before+50 {
		t.Errorf("%d goroutines more for %d connections", n-before, len(clients))
	}
	for i, c := range clients {
		if i%2 == 0 {
			c.Close()
		} else {
			c.NetConn().Close()
		}
	}
	mu.Lock()
	for _, c := range open {
		c.Close()
	}
	mu.Unlock()
	awaitFiles(t, files)
}
