package remote_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/transport"
	"asynccrypto/remote/keyserver"
)

// The keys of all tests.
var rsaKey, ecdsaKey, ed25519Key = testkeys.RSA, testkeys.ECDSA, testkeys.Ed25519

// fleet is some key servers in this process, by their addresses.
type fleet struct {
	mu    sync.Mutex
	nodes map[string]*node
}

type node struct {
	keys  map[string]crypto.Signer
	allow string

	mu      sync.Mutex
	server  *keyserver.Server // nil while the node is away
	stopped chan struct{}     // closed while the node goes on
}

func newFleet(t *testing.T, addrs ...string) *fleet {
	f := &fleet{nodes: make(map[string]*node)}
	for _, addr := range addrs {
		running := make(chan struct{})
		close(running)
		n := &node{keys: testkeys.All(), stopped: running}
		for name := range n.keys {
			n.allow += "allow uid:7 sign " + strconv.Quote(name) + "\n"
		}
		f.nodes[addr] = n
		n.start(t)
		t.Cleanup(n.kill)
	}
	return f
}

func (n *node) start(t *testing.T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	if n.server, err = keyserver.New(keyserver.Config{Keys: n.keys, Allow: []byte(n.allow), InFlight: 1024}); err != nil {
		t.Fatal(err)
	}
}

// kill ends the node at once.
func (n *node) kill() {
	n.mu.Lock()
	server := n.server
	n.server = nil
	n.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

// stop has the node's answers wait until goOn. It still accepts connections.
func (n *node) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = make(chan struct{})
}

func (n *node) goOn() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.stopped)
}

// stoppable is a connection whose node may be stopped.
type stoppable struct {
	net.Conn
	n      *node
	closed chan struct{}
	once   sync.Once
}

func (s *stoppable) Read(p []byte) (int, error) {
	size, err := s.Conn.Read(p)
	s.n.mu.Lock()
	running := s.n.stopped
	s.n.mu.Unlock()
	select {
	case <-running:
		return size, err
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *stoppable) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

var errAway = errors.New("connection refused")

func (f *fleet) dial(ctx context.Context, _, addr string, h pool.Handler) (pool.Conn, error) {
	f.mu.Lock()
	n := f.nodes[addr]
	f.mu.Unlock()
	n.mu.Lock()
	server := n.server
	n.mu.Unlock()
	if server == nil {
		return nil, errAway
	}
	near, far := net.Pipe()
	go server.ServeConn(far, 7)
	return transport.Frames(ctx, &stoppable{Conn: near, n: n, closed: make(chan struct{})}, h)
}

func lookup(_ context.Context, node string) ([]string, error) { return []string{node}, nil }

// engine returns an engine whose nodes are the fleet.
func (f *fleet) engine(t *testing.T, change ...func(*remote.Config)) *remote.Engine {
	t.Helper()
	c := remote.Config{Depth: 256, Timeout: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)}
	for addr := range f.nodes {
		c.Nodes = append(c.Nodes, addr)
	}
	for _, f := range change {
		f(&c)
	}
	return newEngine(t, c, f.dial)
}

func newEngine(t *testing.T, c remote.Config, dial pool.Dial) *remote.Engine {
	t.Helper()
	e, err := remote.NewEngine(c, dial, lookup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// signerOf returns a signer for a key of testKeys.
func signerOf(t *testing.T, e *remote.Engine, name string) remote.Signer {
	t.Helper()
	s, err := e.SignerFor(testkeys.All()[name].Public())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var digest = sha256.Sum256([]byte("message"))

// sign signs a digest, and verifies the signature.
func sign(s crypto.Signer) error {
	sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	op := engine.VerifyOp{Key: s.Public(), Digest: digest[:], Signature: sig, Opts: crypto.SHA256}
	return op.Run()
}

// load has callers sign for some time. No signature may fail. It returns the longest time that
// a signature took, and how many there were.
func load(t *testing.T, s remote.Signer, callers int, d time.Duration) (worst time.Duration, n int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				began := time.Now()
				err := sign(s.WithContext(ctx))
				cancel()
				mu.Lock()
				if err != nil {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				worst = max(worst, time.Since(began))
				n++
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	return worst, n
}

// inBubble runs f in a bubble with a fleet.
func inBubble(t *testing.T, addrs []string, f func(t *testing.T, f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newFleet(t, addrs...)) })
}

// contains fails unless err's text has all of the parts, and no "remote: " twice.
func contains(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if strings.Count(err.Error(), "remote: ") != 1 {
		t.Errorf("%q", err)
	}
}
