package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limit ends a test that hangs.
const limit = 5 * time.Minute

// start serves until stop is called. The system sends little of a connection's output at a time, so
// that the server has to hold some. stop returns the server's log.
func start(t *testing.T, cert tls.Certificate) (addr string, client *tls.Config, stop func() string) {
	t.Helper()
	var logged strings.Builder
	log.SetOutput(&logged)
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) })
	}}
	listener, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener.(*net.TCPListener), cert) }()
	stop = sync.OnceValue(func() string {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		log.SetOutput(os.Stderr)
		return logged.String()
	})
	t.Cleanup(func() { stop() })
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return addr, &tls.Config{RootCAs: roots}, stop
}

func newCert(t *testing.T) tls.Certificate {
	t.Helper()
	log.SetOutput(io.Discard)
	cert, err := certificate("", "")
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func dial(addr string, c *tls.Config) (*tls.Conn, error) {
	conn, err := tls.Dial("tcp", addr, c)
	if err == nil {
		conn.SetDeadline(time.Now().Add(limit))
	}
	return conn, err
}

// echo sends data and reads it back at the same time, then close_notify, and reads the server's.
func echo(addr string, c *tls.Config, data []byte) error {
	conn, err := dial(addr, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(data)
		sent <- err
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if err := <-sent; err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return errors.New("the echo differs")
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if n, err := conn.Read(got); n != 0 || err != io.EOF { // without close_notify it is io.ErrUnexpectedEOF
		return errors.Join(errors.New("no close_notify"), err)
	}
	return nil
}

// handshakes reads the server's last line.
func handshakes(t *testing.T, logged string) (all, resumed, turns int) {
	t.Helper()
	m := regexp.MustCompile(`(\d+) handshakes, (\d+) of them resumed, in (\d+) turns`).FindStringSubmatch(logged)
	if m == nil {
		t.Fatalf("no account of the handshakes: %q", logged)
	}
	all, _ = strconv.Atoi(m[1])
	resumed, _ = strconv.Atoi(m[2])
	turns, _ = strconv.Atoi(m[3])
	return all, resumed, turns
}

// TestEcho has many clients at once, in each version of TLS, with little and with much to say.
func TestEcho(t *testing.T) {
	addr, client, stop := start(t, newCert(t))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	const each = 40
	var wg sync.WaitGroup
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := client.Clone()
		c.MinVersion, c.MaxVersion = version, version
		for i := range each {
			wg.Go(func() {
				if err := echo(addr, c, data[:[]int{5, 16<<10 + 1, len(data)}[i%3]]); err != nil {
					t.Errorf("%s: %v", tls.VersionName(version), err)
				}
			})
		}
	}
	wg.Wait()
	if all, _, _ := handshakes(t, stop()); all != 2*each {
		t.Errorf("%d handshakes, want %d", all, 2*each)
	}
}

func TestResume(t *testing.T) {
	addr, client, stop := start(t, newCert(t))
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 3 {
		if err := echo(addr, client, []byte("hello")); err != nil {
			t.Error(err)
		}
	}
	if all, resumed, _ := handshakes(t, stop()); all != 3 || resumed != 2 {
		t.Errorf("%d handshakes, %d of them resumed; want 3 and 2", all, resumed)
	}
}

// TestSlowReader has a client that takes nothing until the server takes nothing either. Beside
// it others are served.
func TestSlowReader(t *testing.T) {
	addr, client, _ := start(t, newCert(t))
	conn, err := dial(addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	const size = 2 << 20 // more than sockets hold
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(bytes.Repeat([]byte("x"), size))
		sent <- err
	}()
	if err := echo(addr, client, []byte("beside it")); err != nil {
		t.Error(err)
	}
	if n, err := io.CopyN(io.Discard, conn, size); err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestHeldOutput has a client take its time with less than the server may hold for it. The server
// wants nothing but input then, and has to send the rest all the same, without spinning.
func TestHeldOutput(t *testing.T) {
	addr, client, stop := start(t, newCert(t))
	conn, err := dial(addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), 60_000)
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // a loop that spins does so here
	if n, err := io.ReadFull(conn, data); err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
	if _, _, turns := handshakes(t, stop()); turns > 1000 {
		t.Errorf("the loop turned %d times", turns)
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

// TestLastBytes sends close_notify together with the last bytes, which are echoed all the same.
func TestLastBytes(t *testing.T) {
	addr, client, _ := start(t, newCert(t))
	below, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	below.SetDeadline(time.Now().Add(limit))
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

// TestStop has the server say goodbye to an open connection.
func TestStop(t *testing.T) {
	addr, client, stop := start(t, newCert(t))
	conn, err := dial(addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	stop()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Error("no close_notify:", n, err)
	}
}

// slowKey is a key that signs once it is released.
type slowKey struct {
	crypto.Signer
	asked, release chan struct{}
}

func (k slowKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.asked <- struct{}{}
	<-k.release
	return k.Signer.Sign(rand, digest, opts)
}

// TestInputWhileSigning has a client that sends more while the engine signs for it. The loop
// must neither spin nor stop.
func TestInputWhileSigning(t *testing.T) {
	cert := newCert(t)
	key := slowKey{cert.PrivateKey.(*rsa.PrivateKey), make(chan struct{}, 100), make(chan struct{})}
	cert.PrivateKey = key
	addr, client, stop := start(t, cert)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := clientHello(t, client)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	<-key.asked
	for range 100 { // ChangeCipherSpec, which TLS 1.3 ignores here
		if _, err := conn.Write([]byte{20, 3, 3, 0, 1, 1}); err != nil {
			t.Fatal(err)
		}
	}
	wantAlert(t, addr)                // others are served meanwhile
	time.Sleep(50 * time.Millisecond) // a loop that spins does so here
	close(key.release)
	conn.SetDeadline(time.Now().Add(limit))
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil { // the server's answer begins
		t.Error(err)
	}
	if _, _, turns := handshakes(t, stop()); turns > 300 {
		t.Errorf("the loop turned %d times", turns)
	}
}

// TestGone has clients that vanish while the engine signs for them.
func TestGone(t *testing.T) {
	cert := newCert(t)
	key := slowKey{cert.PrivateKey.(*rsa.PrivateKey), make(chan struct{}, 100), make(chan struct{})}
	cert.PrivateKey = key
	addr, client, stop := start(t, cert)
	hello := clientHello(t, client)
	var conns []net.Conn
	for range 10 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(hello); err != nil {
			t.Fatal(err)
		}
		conn.(*net.TCPConn).SetLinger(0) // makes Close a reset
		conns = append(conns, conn)
	}
	<-key.asked
	for _, conn := range conns {
		conn.Close()
	}
	time.Sleep(50 * time.Millisecond) // as above, for epoll always reports a reset
	close(key.release)
	if err := echo(addr, client, []byte("still there")); err != nil {
		t.Error(err)
	}
	if all, _, turns := handshakes(t, stop()); all != 1 || turns > 300 {
		t.Errorf("%d handshakes in %d turns, want 1 in a few", all, turns)
	}
}

// clientHello returns the first bytes of a handshake.
func clientHello(t *testing.T, c *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	c = c.Clone()
	c.ServerName = "localhost"
	go tls.Client(near, c).Handshake()
	hello := make([]byte, 8<<10)
	n, err := far.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// TestAlert has a handshake fail. The client is told why.
func TestAlert(t *testing.T) {
	addr, _, _ := start(t, newCert(t))
	wantAlert(t, addr)
}

func wantAlert(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	// A handshake message that no client begins with.
	if _, err := conn.Write([]byte{22, 3, 1, 0, 5, 2, 0, 0, 1, 0}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || len(got) != 7 || got[0] != 21 || got[5] != 2 { // fatal
		t.Errorf("no alert but % x, %v", got, err)
	}
}

// TestProgram runs the program as a user does, with a client of OpenSSL's, until it is
// interrupted.
func TestProgram(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	log.SetOutput(w)
	defer log.SetOutput(os.Stderr)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, "127.0.0.1:0", "", "", profile)
		w.Close()
	}()
	logged := make(chan string, 10)
	go func() {
		p := make([]byte, 1000)
		for {
			n, err := r.Read(p) // a line each
			if err != nil {
				close(logged)
				return
			}
			logged <- string(p[:n])
		}
	}()
	<-logged // about the certificate
	m := regexp.MustCompile(`openssl s_client -connect (\S+);`).FindStringSubmatch(<-logged)
	if m == nil {
		t.Fatal("it does not say how to try it")
	}
	client := exec.Command("openssl", "s_client", "-quiet", "-connect", m[1])
	stdin, err := client.StdinPipe() // open to the end: OpenSSL waits for nothing once it is closed
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(stdin, "hello\n")
	got := make([]byte, 6)
	if _, err := io.ReadFull(stdout, got); string(got) != "hello\n" {
		t.Errorf("openssl got %q, %v", got, err)
	}
	client.Process.Kill()
	client.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Error("no profile:", err)
	}
}

// TestProfile holds that the programs with event loops have the same profile. With the same bytes
// they share what the compiler has built; each other profile would build the standard library anew.
func TestProfile(t *testing.T) {
	want, err := os.ReadFile("default.pgo")
	if err != nil {
		t.Fatal(err)
	}
	if len(want) > 150_000 {
		t.Errorf("the profile has %d bytes, want at most 150,000", len(want))
	}
	for _, name := range []string{"../gnet/default.pgo", "../../cmd/asynccrypto/default.pgo"} {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Skip("this is a copy of the example:", err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another profile; record it once and copy it", name)
		}
	}
}
