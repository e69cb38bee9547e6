//go:build unix

package serve

import (
	"flag"
	"io"
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

var soakFlag = flag.Duration("soak", 2*time.Second, "how long TestServeSoak runs; by hand ten minutes: go test -run Soak -soak 10m -timeout 20m -v")

// Server after server takes connections whose ends do things at random, reads its files again all
// the while, and is told to stop while connections are open. After each server, no file is left open
// and no goroutine is left, and while it runs, no job is left over.
func TestServeSoak(t *testing.T) {
	r := newRandomEnds(t)
	var files map[string]string
	var goroutines, conns int
	start := time.Now()
	for round := 0; round < 2 || time.Since(start) < *soakFlag; round++ {
		conns += soakRound(t, r, round, conns)
		http.DefaultClient.CloseIdleConnections()
		if round == 0 { // whatever is made once has been made
			files, goroutines = openFiles(t), runtime.NumGoroutine()
			continue
		}
		awaitFiles(t, files)
		awaitGoroutines(t, goroutines)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d connections in %v", conns, time.Since(start))
}

// soakRound is one server from its start to its end. It returns how many connections there were.
func soakRound(t *testing.T, r *randomEnds, round, first int) (n int) {
	ok := t.Run("", func(t *testing.T) {
		r := &randomEnds{t: t, seed: r.seed}
		clientsWait := round%2 == 0
		echo := false
		var mu sync.Mutex
		act := r.backend(!clientsWait)
		backend := tlstest.Listen(t, func(n int, c net.Conn) {
			mu.Lock()
			echo := echo
			mu.Unlock()
			if echo {
				echoBackend(n, c)
			} else {
				act(first+n, c)
			}
		})
		// At a lower priority the workers may not finish a handshake in time on a busy machine.
		s, config := proxied(t, backend, "-metrics", "127.0.0.1:0", "-engine", "workers", "-proxy-protocol", "2", "-grace", "4m", "-nice", "0")
		stop := make(chan bool)
		var reloads sync.WaitGroup
		reloads.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					s.Signal(syscall.SIGHUP)
				}
			}
		})
		n = 100
		r.run(s, config, first, n, clientsWait)
		s.measured(openConnections+"0", `asynccrypto_server_connections{server="proxy",state="handshaking"} 0`,
			`asynccrypto_server_jobs{server="proxy",state="running"} 0`, `asynccrypto_server_jobs{server="proxy",state="paused"} 0`)
		close(stop)
		reloads.Wait()
		mu.Lock()
		echo = true
		mu.Unlock()
		var open sync.WaitGroup
		draining := make(chan bool)
		for range 10 {
			c := dialTLS(t, s, config)
			open.Go(func() {
				io.WriteString(c, "hello")
				<-draining
				c.CloseWrite()
				if rest, err := io.ReadAll(c); err != nil || len(rest) < 5 {
					t.Errorf("%q, %v", rest, err)
				}
				c.Close()
			})
		}
		s.Signal(syscall.SIGTERM)
		s.Logged(`accepting no more`)
		close(draining)
		testwait.Receive(t, "the end of the server", s.Ended)
		if s.Err != nil {
			t.Error(s.Err)
		}
		open.Wait()
	})
	if !ok {
		t.FailNow()
	}
	return n
}
