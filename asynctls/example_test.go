package asynctls_test

import (
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/engine/workers"
)

// A net/http server whose signatures are an engine's: TLSConfig goes through Config, and that
// is all.
func ExampleConfig() {
	cert, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	if err != nil {
		log.Fatal(err)
	}
	eng, err := workers.New(workers.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if cert.PrivateKey, err = eng.Signer(cert.PrivateKey.(crypto.Signer)); err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{TLSConfig: asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}})}
	log.Fatal(srv.ListenAndServeTLS("", ""))
}

// loopConn is the connection that event-driven network libraries give their handlers, in short.
// All of it is called on the loop, but for Wake.
type loopConn interface {
	Next(n int) ([]byte, error)  // takes input; -1 for all
	Write(p []byte) (int, error) // takes all of p
	OutboundBuffered() int       // output that is not sent yet
	Wake() error                 // from any goroutine: OnTraffic follows on the loop
	Context() any
	SetContext(any)
	Close() error
}

// echoServer is the handler of one loop.
type echoServer struct {
	config  *tls.Config       // from asynctls.Config, once
	options *asynctls.Options // with the loop's pool
}

type echoSession struct {
	buf asynctls.Buffers
	tls *asynctls.Conn
}

func (s *echoServer) OnOpen(c loopConn) {
	x := new(echoSession)
	x.tls = asynctls.NewServerConn(&x.buf, s.config, s.options)
	x.tls.SetAsyncCallback(func(any) { c.Wake() }, nil) // the engine is done, or a place in the pool is free
	c.SetContext(x)
}

func (s *echoServer) OnTraffic(c loopConn) {
	x := c.Context().(*echoSession)
	in, _ := c.Next(-1)
	x.buf.Feed(in)
	var p [4096]byte
	// A peer that takes nothing is not read from. Half of HighWater leaves room for output that
	// Read may make crypto/tls answer.
	for err := error(nil); err == nil && c.OutboundBuffered()+x.buf.Buffered() < 32<<10; {
		var n int
		if n, err = x.tls.Read(p[:]); n > 0 { // the handshake comes first
			_, err = x.tls.Write(p[:n]) // so this is taken whole
		}
		if err != nil && !asynctls.Wants(err) {
			x.tls.Close() // the alert is in x.buf
			defer c.Close()
		}
	}
	n, _ := c.Write(x.buf.Out())
	x.buf.Discard(n)
}

func (s *echoServer) OnClose(c loopConn) { c.Context().(*echoSession).tls.Abort() }

// A handler for an event loop of somebody else's, over two buffers in memory. It leaves out
// what examples/gnet has: deadlines, a bound on Unread, and going on, with what was left
// unread, once a slow peer has taken some.
func Example_eventLoop() {
	pool, _ := async.NewPool(1000, 0) // handshakes under way on this loop
	defer pool.Close()
	server := &echoServer{exampleConfig(), &asynctls.Options{Pool: pool}}

	// The library's part:
	wire, far := net.Pipe()
	go runLoop(wire, server)

	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true}) // only here
	fmt.Fprint(client, "hello")
	p := make([]byte, 5)
	_, err := io.ReadFull(client, p)
	fmt.Println(string(p), err)
	client.Close()
	// Output: hello <nil>
}

// A Conn driven by hand, over two buffers, as the errors ask for.
func ExampleConn() {
	pool, _ := async.NewPool(0, 0)
	defer pool.Close()
	o := &asynctls.Options{Pool: pool}
	var near, far asynctls.Buffers
	server := asynctls.NewServerConn(&near, exampleConfig(), o)
	client := asynctls.NewClientConn(&far, &tls.Config{InsecureSkipVerify: true}, o) // only here
	woken := make(chan struct{}, 1)
	server.SetAsyncCallback(func(any) { woken <- struct{}{} }, nil)

	for {
		clientErr, serverErr := client.Handshake(), server.Handshake()
		if clientErr == nil && serverErr == nil {
			break
		}
		if errors.Is(serverErr, asynctls.ErrWantAsync) {
			<-woken // an event loop would serve others meanwhile
		}
		near.Feed(far.Out()) // ErrWantRead: one side's output is the other's input
		far.Discard(len(far.Out()))
		far.Feed(near.Out())
		near.Discard(len(near.Out()))
	}
	state, _ := server.ConnectionState()
	fmt.Println(tls.VersionName(state.Version))
	server.Abort()
	client.Abort()
	// Output: TLS 1.3
}

// loop is a small event loop for one connection.
type loop struct {
	net.Conn
	in      []byte
	wakes   chan struct{}
	context any
}

func (l *loop) Next(int) ([]byte, error) { in := l.in; l.in = nil; return in, nil }
func (l *loop) OutboundBuffered() int    { return 0 }
func (l *loop) Wake() error              { l.wakes <- struct{}{}; return nil }
func (l *loop) Context() any             { return l.context }
func (l *loop) SetContext(v any)         { l.context = v }

func runLoop(c net.Conn, h *echoServer) {
	l := &loop{Conn: c, wakes: make(chan struct{}, 10)}
	come := make(chan []byte)
	go func() {
		defer close(come)
		for p := make([]byte, 4096); ; {
			n, err := c.Read(p)
			if err != nil {
				return
			}
			come <- slices.Clone(p[:n])
		}
	}()
	h.OnOpen(l)
	defer h.OnClose(l)
	for {
		select {
		case in, ok := <-come:
			if !ok {
				return
			}
			l.in = in
		case <-l.wakes:
		}
		h.OnTraffic(l)
	}
}
