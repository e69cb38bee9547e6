package fleettest

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

var soakTime = flag.Duration("keyserver-soak", 3*time.Second,
	"how long TestSoak loads the nodes, of which it kills one a second; by hand: go test -run Soak -keyserver-soak 5m -timeout 20m -v")

// Each second one of three nodes is killed, stopped for a while, or restarted, while Go programs sign,
// and TLS servers whose key the nodes have do thousands of handshakes: net/http and tlsserver in this
// process, and the command serve. Nothing fails. At the end no goroutine and no file is left.
func TestSoak(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	t.Run("fleet", func(t *testing.T) { soak(t, *soakTime) })
	testwait.Await(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
}

func soak(t *testing.T, length time.Duration) {
	f := newFleet(t, "grpc", "unix", "grpc")
	f.start()
	e := f.engine(func(c *remote.Config) { c.VerifyAll = false })
	l := f.load(e, 0)
	cert := f.ca.IssueFor(t, f.keys["ec"], []string{"localhost", "127.0.0.1"})
	remoteCert := cert.Certificate
	remoteCert.PrivateKey = f.signer(e, "ec")
	config := asynctls.Config(&tls.Config{Certificates: []tls.Certificate{remoteCert}})

	h := &handshaker{t: t, config: &tls.Config{RootCAs: cert.Pool, ServerName: "localhost"}}
	h.load("net/http", serveHTTP(t, config))
	h.load("tlsserver", serveTLS(t, config))
	served := f.serveCommand(cert)
	files := served.files()
	clients := exec.Command("asynccrypto", "handshakes", "-ca", f.ca.File, "-c", "4", "-timeout", "5m", "-time", length.String(), served.addr())
	var report strings.Builder
	clients.Stdout, clients.Stderr = &report, &report
	if err := clients.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clients.Process.Kill() })

	faults := map[string]int{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < length || h.done.Load() < 1000; <-tick.C {
		if t.Failed() {
			t.FailNow()
		}
		i := rand.IntN(len(f.nodes))
		faults[f.fault(f.nodes[i])]++
		f.up(e, i, true)
	}
	h.stop()
	l.end(t)
	err := clients.Wait()
	found := regexp.MustCompile(`(?m)^([0-9,]+) full handshakes in .*; 0 failed$`).FindString(report.String())
	if err != nil || found == "" {
		t.Errorf("%v\n%s\n%s", err, &report, served.log)
	}
	t.Logf("%v, and %d handshakes in this process, %d failed; serve: %s", faults, h.done.Load(), h.failed.Load(), found)
	// Connections to nodes come and go, but at most a few are open.
	testwait.Await(t, "the end of the files of serve", func() bool { return served.files() <= files+len(f.nodes) })
	served.end()
	for _, n := range f.nodes {
		n.end()
	}
}

// fault does something to a node, which is well afterwards, and says what.
func (f *fleet) fault(n *node) string {
	f.t.Helper()
	switch rand.IntN(4) {
	case 0:
		n.signal(syscall.SIGSTOP)
		time.Sleep(time.Duration(rand.IntN(int(time.Second))))
		n.signal(syscall.SIGCONT)
		return "stopped"
	case 1:
		n.end()
		n.start()
		return "restarted"
	default:
		n.signal(syscall.SIGKILL)
		n.start()
		return "killed"
	}
}

// handshaker makes handshakes, one after another on a few connections, until stop.
type handshaker struct {
	t            *testing.T
	config       *tls.Config
	done, failed atomic.Uint64
	stopped      atomic.Bool
	workers      sync.WaitGroup
}

// load begins to make handshakes with a server.
func (h *handshaker) load(what, addr string) {
	for i := range 4 {
		config := h.config.Clone()
		if i%2 == 1 { // the signature is another one
			config.MaxVersion = tls.VersionTLS12
		}
		h.workers.Go(func() {
			for !h.stopped.Load() {
				if err := handshake(addr, config); err == nil {
					h.done.Add(1)
				} else if h.failed.Add(1) <= 5 {
					h.t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	h.t.Cleanup(h.stop)
}

// stop waits for the handshakes under way. It may be called again.
func (h *handshaker) stop() {
	h.stopped.Store(true)
	h.workers.Wait()
}

// handshake connects, and verifies the certificate and the signature by its key.
func handshake(addr string, config *tls.Config) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(testwait.Limit())
	return tls.Client(c, config).Handshake()
}

// serveHTTP runs a server of net/http until the end of the test.
func serveHTTP(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	ln := listen(t)
	s := &http.Server{TLSConfig: config, Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	return run(t, ln, func() error { return s.ServeTLS(ln, "", "") }, s.Shutdown)
}

// serveTLS runs a tlsserver until the end of the test.
func serveTLS(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	ln := listen(t)
	s := &tlsserver.Server{TLS: config, Handler: silent{}, HandshakeTimeout: 5 * time.Minute}
	return run(t, ln, func() error { return s.Serve(ln) }, s.Shutdown)
}

// silent is a Handler that says nothing.
type silent struct{}

func (silent) Open(*tlsserver.Conn) error         { return nil }
func (silent) Data(*tlsserver.Conn, []byte) error { return nil }
func (silent) Closed(*tlsserver.Conn, error)      {}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// run runs a server until the end of the test, when shutdown ends it.
func run(t *testing.T, ln net.Listener, serve func() error, shutdown func(context.Context) error) (addr string) {
	var running sync.WaitGroup
	running.Go(func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, tlsserver.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
	t.Cleanup(func() {
		if err := shutdown(patient(t)); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	return ln.Addr().String()
}

// server is a process of the command serve.
type server struct{ process }

// serveCommand runs the command serve, with a key that the nodes have.
func (f *fleet) serveCommand(cert *tlstest.Certificate) *server {
	f.t.Helper()
	var hosts, sockets []string
	for _, n := range f.nodes {
		if path, ok := strings.CutPrefix(n.addr, "unix:"); ok {
			sockets = append(sockets, "&unix="+path)
		} else {
			hosts = append(hosts, n.addr)
		}
	}
	key := fmt.Sprintf("keyserver://%s/ec?cert=%s&key=%s&ca=%s%s", strings.Join(hosts, ","), f.cert.File, f.cert.KeyFile, f.ca.File, strings.Join(sockets, ""))
	s := &server{process{t: f.t, ready: "listening on ", args: []string{"asynccrypto", "serve", "-addr", "127.0.0.1:0", "-cert", cert.File, "-key", key}}}
	s.start()
	return s
}

// addr is where it listens.
func (s *server) addr() string {
	s.t.Helper()
	return s.log.Find(s.t, `listening on (\S+)`, s.ended)[1]
}

// files is the number of files that it has open.
func (s *server) files() int {
	s.t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(open)
}
