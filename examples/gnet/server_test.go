package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
)

// limit ends a test that hangs. It is far away: no test judges how long something takes.
const limit = 5 * time.Minute

var testCert = sync.OnceValue(func() tls.Certificate {
	cert, err := newCertificate()
	if err != nil {
		panic(err)
	}
	return cert
})

// start runs a server that signs with e, until stop is called or the test is over. stop fails
// the test if a job is left.
func start(t *testing.T, e *engine.Engine, o asynctls.Options, options ...gnet.Option) (addr string, client *tls.Config, stop func()) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("gnet does not report its address on Windows")
	}
	cert := testCert()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	signer, err := e.Signer(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	cert.PrivateKey = signer
	booted, ended := make(chan gnet.Engine, 1), make(chan error, 1)
	s := &server{
		config:  asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}}),
		options: o,
		tick:    20 * time.Millisecond,
		booted:  func(e gnet.Engine) { booted <- e },
	}
	go func() {
		options = append(options, gnet.WithNumEventLoop(2), gnet.WithLogLevel(logging.ErrorLevel))
		ended <- s.run("tcp://127.0.0.1:0", options...)
	}()
	var g gnet.Engine
	select {
	case g = <-booted:
	case err := <-ended:
		t.Fatal(err)
	}
	fd, err := g.Dup()
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	f.Close()
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Error("stop:", err)
		}
		if err := <-ended; err != nil {
			t.Error("run:", err)
		}
	})
	t.Cleanup(stop)
	return addr, &tls.Config{RootCAs: roots}, stop
}

func newEngine(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// dial connects and completes the handshake.
func dial(t *testing.T, addr string, c *tls.Config) *tls.Conn {
	t.Helper()
	d := net.Dialer{Timeout: limit}
	conn, err := tls.DialWithDialer(&d, "tcp", addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(limit))
	return conn
}

// eventually waits until ok is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

// echo sends data, at most window bytes ahead of those that it has read back. Then it sends
// close_notify, and reads the server's.
func echo(addr string, c *tls.Config, data []byte, window int) error {
	conn, err := tls.Dial("tcp", addr, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	got := make([]byte, window)
	for len(data) > 0 {
		part := data[:min(window, len(data))]
		data = data[len(part):]
		if _, err := conn.Write(part); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, got[:len(part)]); err != nil {
			return err
		}
		if !bytes.Equal(got[:len(part)], part) {
			return errors.New("the echo differs")
		}
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if n, err := conn.Read(got); n != 0 || err != io.EOF { // without close_notify it is io.ErrUnexpectedEOF
		return errors.Join(errors.New("no close_notify"), err)
	}
	return nil
}

// Many clients are served at once, in each version of TLS. Nothing is left afterwards.
func TestEcho(t *testing.T) {
	before := runtime.NumGoroutine()
	e, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr, client, stop := start(t, e, asynctls.Options{})
	data := bytes.Repeat([]byte("0123456789abcdef"), 12_000)
	const each = 40
	var wg sync.WaitGroup
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := client.Clone()
		c.MinVersion, c.MaxVersion = version, version
		for i := range each {
			wg.Go(func() {
				if err := echo(addr, c, data, []int{700, 16 << 10, 100_000}[i%3]); err != nil {
					t.Errorf("TLS %x: %v", version, err)
				}
			})
		}
	}
	wg.Wait()
	if n := e.Stats().Completed; n < 2*each {
		t.Errorf("the engine signed %d times for %d handshakes", n, 2*each)
	}
	if ok, _ := multibuffer.Supported(); ok && e.Stats().Vectorized == 0 {
		t.Error("nothing was signed eight at a time")
	}
	stop() // fails if a job is left
	e.Close()
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before+gnets() })
}

// gnets counts the goroutines that a library of gnet's starts once and keeps.
func gnets() (n int) {
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "panjf2000/ants") {
			n++
		}
	}
	return n
}

// A peer that sends and takes nothing is dropped. Other connections are not affected.
func TestPeerThatTakesNothing(t *testing.T) {
	addr, client, _ := start(t, newEngine(t), asynctls.Options{})
	conn := dial(t, addr, client)
	sent, err := 0, error(nil)
	for chunk := make([]byte, 64<<10); err == nil && sent < 256<<20; {
		var n int
		n, err = conn.Write(chunk)
		sent += n
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %d bytes: %v", sent, err)
	}
	if err := echo(addr, client, []byte("still there"), 100); err != nil {
		t.Error(err)
	}
}

// corked holds back what is written while cork is set, and then sends it at once.
type corked struct {
	net.Conn
	cork bool
	held []byte
}

func (c *corked) Write(p []byte) (int, error) {
	c.held = append(c.held, p...)
	if !c.cork {
		_, err := c.Conn.Write(c.held)
		c.held = nil
		return len(p), err
	}
	return len(p), nil
}

// A client's last bytes are echoed, though its close_notify comes with them.
func TestLastBytes(t *testing.T) {
	addr, client, _ := start(t, newEngine(t), asynctls.Options{})
	below, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	below.SetDeadline(time.Now().Add(20 * time.Second))
	client.MaxVersion, client.ServerName = tls.VersionTLS12, "localhost" // in TLS 1.3 an alert looks like data from outside
	wire := &corked{Conn: below}
	conn := tls.Client(wire, client)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	wire.cork = true
	if _, err := conn.Write([]byte("hello, and goodbye")); err != nil {
		t.Fatal(err)
	}
	wire.cork = false
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != "hello, and goodbye" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A slow peer gets every byte, though they are more than sockets and buffers hold.
func TestSlowReader(t *testing.T) {
	addr, client, _ := start(t, newEngine(t), asynctls.Options{HighWater: 1}, gnet.WithSocketSendBuffer(4096))
	conn := dial(t, addr, client)
	if err := conn.NetConn().(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 10_000) // less than maxUnread
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for buf := make([]byte, 8000); len(got) < len(data); time.Sleep(time.Millisecond) {
		n, err := conn.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			t.Fatal(len(got), err)
		}
	}
	if !bytes.Equal(got, data) {
		t.Error("the echo differs")
	}
}

// The server's deadlines end connections without a handshake, and idle ones.
func TestDeadlines(t *testing.T) {
	addr, _, _ := start(t, newEngine(t), asynctls.Options{HandshakeTimeout: time.Second})
	mute, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	addr, client, _ := start(t, newEngine(t), asynctls.Options{IdleTimeout: time.Second})
	idle := dial(t, addr, client)
	for _, c := range []net.Conn{mute, idle} {
		c.SetReadDeadline(time.Now().Add(limit))
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%T: %d %v", c, n, err)
		}
	}
}

// slow returns an engine whose requests the test completes.
func slow(t *testing.T) (e *engine.Engine, asked <-chan *engine.Request) {
	t.Helper()
	requests := make(chan *engine.Request, 1000)
	e, err := engine.New(engine.Config{Name: "slow", Handler: func(batch []*engine.Request) { requests <- batch[0] }, Depth: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e, requests
}

// Clients close their connections while the engine signs for them. The wakes come afterwards.
func TestClientGoesWhileSigning(t *testing.T) {
	e, asked := slow(t)
	addr, client, stop := start(t, e, asynctls.Options{})
	const n = 50
	var requests []*engine.Request
	for range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		go tls.Client(conn, &tls.Config{RootCAs: client.RootCAs, ServerName: "localhost"}).Handshake()
		requests = append(requests, <-asked)
		conn.Close()
	}
	eventually(t, "all given up", func() bool {
		for _, r := range requests {
			if !r.Abandoned() {
				return false
			}
		}
		return true
	})
	for _, r := range requests {
		r.Run()
	}
	go func() { (<-asked).Run() }() // and it serves others
	if err := echo(addr, client, []byte("hello"), 100); err != nil {
		t.Error(err)
	}
	stop()
}

// The server stops while the engine signs for clients.
func TestStopWhileSigning(t *testing.T) {
	e, asked := slow(t)
	addr, client, stop := start(t, e, asynctls.Options{})
	var requests []*engine.Request
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			if conn, err := tls.Dial("tcp", addr, client); err == nil {
				conn.Close()
				t.Error("a handshake succeeded without a signature")
			}
		})
		requests = append(requests, <-asked)
	}
	stop()
	clients.Wait()
	for _, r := range requests {
		r.Run()
	}
}
