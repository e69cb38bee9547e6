package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"asynccrypto/internal/testca"
	"asynccrypto/internal/testunix"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote/internal/pbwire"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

// peer is the node's end of a connection, without rules: it sends what it is told.
type peer interface {
	hello() (wire.Hello, error)
	sendHello(wire.Hello) error
	requests() ([]wire.Request, error) // of a message; of frames one
	answer(...wire.Answer) error       // in one write
	ended()                            // waits for the client to hang up
	silent()                           // does not read; waits for the end of the test
}

// dialer connects to a node which runs script for each connection, until the test ends.
type dialer func(ctx context.Context, h pool.Handler) (pool.Conn, error)

// transports runs the test over each transport.
func transports(t *testing.T, test func(t *testing.T, listen func(testing.TB, func(peer) error) dialer)) {
	t.Run("unix", func(t *testing.T) { checkLeaks(t); test(t, listenUnix) })
	t.Run("grpc", func(t *testing.T) { checkLeaks(t); test(t, listenGRPC) })
}

// checkLeaks fails the test if it leaves a goroutine or a file. Call it first.
func checkLeaks(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		testwait.Await(t, "the end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
		testwait.Await(t, "the closing of files", func() bool { return openFiles(t) <= files })
	})
}

// openFiles is the number of open files, 0 where the system does not say. Under wine, which shows the
// files of Linux, it would be that of wine's own.
func openFiles(t *testing.T) int {
	if runtime.GOOS != "linux" {
		return 0
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func listenUnix(t testing.TB, script func(peer) error) dialer {
	path := filepath.Join(socketDir(t), "s")
	listenRaw(t, path, func(nc net.Conn) { _ = script(&framePeer{nc, bufio.NewReader(nc), t.Context()}) })
	return func(ctx context.Context, h pool.Handler) (pool.Conn, error) { return DialUnix(ctx, path, h) }
}

// socketDir is a directory with a path that is short enough for a socket's name.
func socketDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// listenRaw runs serve for each connection to a Unix socket, and then closes it.
func listenRaw(t testing.TB, path string, serve func(net.Conn)) {
	l := testunix.Listen(t, path)
	serveAll(t, l, serve)
}

func serveAll(t testing.TB, l net.Listener, serve func(net.Conn)) {
	var serving sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			serving.Go(func() { defer nc.Close(); serve(nc) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, nc := range open {
			_ = nc.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
}

type framePeer struct {
	nc   net.Conn
	r    *bufio.Reader
	test context.Context
}

func (p *framePeer) hello() (wire.Hello, error) {
	body, err := wire.ReadFrame(p.r, wire.MaxFrame)
	if err != nil {
		return wire.Hello{}, err
	}
	return wire.ParseHello(body)
}

func (p *framePeer) sendHello(h wire.Hello) error {
	_, err := p.nc.Write(wire.AppendHello(nil, h))
	return err
}

func (p *framePeer) requests() ([]wire.Request, error) {
	body, err := wire.ReadFrame(p.r, wire.MaxFrame)
	if err != nil {
		return nil, err
	}
	r := make([]wire.Request, 1)
	return r, wire.ParseRequest(append([]byte(nil), body...), &r[0])
}

func (p *framePeer) answer(answers ...wire.Answer) error {
	var b []byte
	for i := range answers {
		b = wire.AppendAnswer(b, &answers[i])
	}
	_, err := p.nc.Write(b)
	return err
}

func (p *framePeer) ended() {
	for {
		if _, err := p.r.Discard(1); err != nil {
			return
		}
	}
}

func (p *framePeer) silent() { <-p.test.Done() }

func listenGRPC(t testing.TB, script func(peer) error) dialer {
	pki := newPKI(t)
	addr := serveGRPC(t, pki, script)
	return func(ctx context.Context, h pool.Handler) (pool.Conn, error) {
		return DialGRPC(ctx, addr, "node", pki.client(), h)
	}
}

func serveGRPC(t testing.TB, pki *pki, script func(peer) error) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{pki.Issue(t, "node")},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    pki.Pool,
		})),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.MaxRecvMsgSize(wire.MaxFrame),
	)
	keyserverpb.RegisterKeyServerServer(s, &grpcNode{script: script})
	served := make(chan error)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-served })
	return l.Addr().String()
}

type grpcNode struct {
	keyserverpb.UnimplementedKeyServerServer
	script func(peer) error
}

func (n *grpcNode) Session(s grpc.BidiStreamingServer[keyserverpb.ClientMessage, keyserverpb.ServerMessage]) error {
	return n.script(&grpcPeer{s, make(map[uint64]wire.Op)})
}

type grpcPeer struct {
	s   grpc.BidiStreamingServer[keyserverpb.ClientMessage, keyserverpb.ServerMessage]
	ops map[uint64]wire.Op
}

func (p *grpcPeer) hello() (wire.Hello, error) {
	m, err := p.s.Recv()
	return pbwire.FromHello(m.GetHello()), err
}

func (p *grpcPeer) sendHello(h wire.Hello) error {
	return p.s.Send(&keyserverpb.ServerMessage{Hello: pbwire.ToHello(h)})
}

func (p *grpcPeer) requests() ([]wire.Request, error) {
	m, err := p.s.Recv()
	if err != nil {
		return nil, err
	}
	requests := make([]wire.Request, len(m.GetRequests()))
	for i, q := range m.GetRequests() {
		if err := pbwire.FromRequest(q, &requests[i]); err != nil {
			return nil, err
		}
		p.ops[requests[i].ID] = requests[i].Op
	}
	return requests, nil
}

func (p *grpcPeer) answer(answers ...wire.Answer) error {
	m := new(keyserverpb.ServerMessage)
	for i := range answers {
		a, err := pbwire.ToAnswer(p.ops[answers[i].ID], &answers[i])
		if err != nil {
			return err
		}
		delete(p.ops, answers[i].ID)
		m.Answers = append(m.Answers, a)
	}
	return p.s.Send(m)
}

func (p *grpcPeer) ended()  { <-p.s.Context().Done() }
func (p *grpcPeer) silent() { p.ended() } // flow control holds the client up

// silent is a script, see [peer].
func silent(p peer) error { p.silent(); return nil }

// serverHello is the hello of most nodes of these tests.
var serverHello = wire.Hello{Min: 1, Max: 1, MaxFrame: wire.MaxFrame, InFlight: 1024}

// greeting is a script that begins with the two hellos.
func greeting(script func(peer) error) func(peer) error { return greetingBy(serverHello, script) }

func greetingBy(node wire.Hello, script func(peer) error) func(peer) error {
	return func(p peer) error {
		h, err := p.hello()
		if err != nil {
			return err
		}
		if h != wire.ClientHello() {
			return errors.New("an unexpected hello")
		}
		if err := p.sendHello(node); err != nil {
			return err
		}
		return script(p)
	}
}

// echo answers each request with its data.
func echo(p peer) error {
	for {
		requests, err := p.requests()
		if err != nil {
			return err
		}
		answers := make([]wire.Answer, len(requests))
		for i, r := range requests {
			answers[i] = wire.Answer{ID: r.ID, Data: r.Data}
		}
		if err := p.answer(answers...); err != nil {
			return err
		}
	}
}

// recorder is a handler that keeps copies.
type recorder struct {
	answers chan wire.Answer
	closed  chan error
}

func newRecorder() *recorder {
	return &recorder{make(chan wire.Answer, 10_000), make(chan error, 2)}
}

func (r *recorder) Answers(answers []wire.Answer) {
	for _, a := range answers {
		a.Data = append([]byte(nil), a.Data...)
		r.answers <- a
	}
}

func (r *recorder) Closed(err error) { r.closed <- err }

// mustDial connects, and closes the connection at the end of the test.
func mustDial(t testing.TB, dial dialer, h pool.Handler) pool.Conn {
	t.Helper()
	c, err := dial(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// pki is an authority with the client's certificate.
type pki struct {
	*testca.CA
	own tls.Certificate
}

func newPKI(t testing.TB) *pki {
	ca := testca.New(t)
	return &pki{ca, ca.Issue(t, "app")}
}

func (p *pki) client() *tls.Config {
	return &tls.Config{RootCAs: p.Pool, Certificates: []tls.Certificate{p.own}}
}
