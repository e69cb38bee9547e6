//go:build unix

package asynctls_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/engine"
)

// levelConn is a Conn on a level-triggered event loop that watches for input all the time. The
// test has the other end of the socket, and a peer in memory.
type levelConn struct {
	*asynctls.Conn
	sock  *counting
	far   *asynctls.Socket
	peer  *side
	wakes chan struct{}
	turns int // since the test has last set it to 0
}

// counting counts the bytes that were read.
type counting struct {
	*asynctls.Socket
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Socket.Read(p)
	c.read += n
	return n, err
}

func newLevelConn(t *testing.T, make makeConn, c *tls.Config, o *asynctls.Options, peer *side) *levelConn {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := &levelConn{sock: &counting{Socket: asynctls.NewSocket(async.FD(fds[0]))}, far: asynctls.NewSocket(async.FD(fds[1])), peer: peer, wakes: chanOfOne()}
	l.Conn = make(l.sock, c, o)
	l.SetAsyncCallback(func(any) { l.wakes <- struct{}{} }, nil)
	t.Cleanup(func() { l.Abort(); l.far.Close() })
	return l
}

// loop turns as long as the socket is readable, which must end, and returns the last turn's error.
func (l *levelConn) loop(t *testing.T) (err error) {
	t.Helper()
	for err = asynctls.ErrWantRead; asynctls.Wants(err) && readable(t, l.sock.FD(), 0); l.turns++ {
		if l.turns > 10_000 {
			t.Fatal("the loop spins; the last error is", err)
		}
		err = l.Handshake()
	}
	return err
}

// send sends p to the Conn a piece at a time, and lets the loop turn after each.
func (l *levelConn) send(t *testing.T, p []byte, piece int) error {
	t.Helper()
	err := asynctls.ErrWantRead
	for len(p) > 0 && asynctls.Wants(err) {
		n := min(piece, len(p))
		if _, err := l.far.Write(p[:n]); err != nil || l.far.Buffered() > 0 {
			t.Fatal("the test's socket is full", err)
		}
		p, err = p[n:], l.loop(t)
	}
	return err
}

// drivePeer lets the peer go on with the Conn's output, and returns the peer's.
func (l *levelConn) drivePeer(t *testing.T) []byte {
	t.Helper()
	p := make([]byte, 1<<16)
	for {
		n, err := l.far.Read(p)
		if l.peer.buf.Feed(p[:n]); err != nil {
			break
		}
	}
	for err := l.peer.Handshake(); err != nil && err != asynctls.ErrWantRead; err = l.peer.Handshake() {
		if !asynctls.Wants(err) {
			t.Fatal(err)
		}
		<-l.peer.wakes
	}
	out := bytes.Clone(l.peer.buf.Out())
	l.peer.buf.Discard(len(out))
	return out
}

// pause goes on with the handshake until the Conn waits for its engine. The peer's records go
// one at a time, so that the later ones are left; it returns those.
func (l *levelConn) pause(t *testing.T) (left []byte) {
	t.Helper()
	l.Handshake()
	for range 100 {
		for left = l.drivePeer(t); len(left) > 0; {
			n := 5 + int(left[3])<<8 + int(left[4])
			if err := l.send(t, left[:n], n); !asynctls.Wants(err) {
				t.Fatal(err)
			}
			if left = left[n:]; l.WaitingForAsync() {
				return left
			}
		}
	}
	t.Fatal("the handshake does not get as far as the engine")
	return nil
}

// resume opens the engine's gate and goes on until the handshake is over, or wants more input.
func (l *levelConn) resume(gate chan error) (err error) {
	for err = asynctls.ErrWantAsync; err == asynctls.ErrWantAsync; err = l.Handshake() {
		gate <- nil
		<-l.wakes
	}
	return err
}

// While a slow engine computes, on either side and in each version, a peer's input wakes a
// level-triggered loop once for each piece, and not again and again. The input has the same
// effect on the handshake as after the wake.
func TestLevelTriggeredLoop(t *testing.T) {
	const pieces = 100
	e, gate := newGate(t)
	fast := tlstest.NewEngine(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, role := range []string{"server", "client"} {
			t.Run(tls.VersionName(version)+" "+role, func(t *testing.T) {
				start := func() *levelConn {
					o, peers := &asynctls.Options{Pool: newPool(t, 0)}, &asynctls.Options{Pool: newPool(t, 0)}
					if role == "server" {
						sc, cc := tlstest.Configs(t, e)
						cc.MaxVersion = version
						return newLevelConn(t, asynctls.NewServerConn, sc, o, newSide(t, asynctls.NewClientConn, cc, peers))
					}
					sc, cc := tlstest.Configs(t, fast)
					cc.MaxVersion = version
					cc.Certificates = []tls.Certificate{tlstest.WithEngine(t, e, tlstest.NewCert(t, tlstest.RSAKey()))}
					sc.ClientAuth = tls.RequireAnyClientCert
					return newLevelConn(t, asynctls.NewClientConn, asynctls.Config(cc), o, newSide(t, asynctls.NewServerConn, sc, peers))
				}
				junk := bytes.Repeat([]byte{99, 3, 3, 0, 5, 1, 2, 3, 4, 5}, pieces) // of no known type

				early := start()
				early.pause(t)
				early.turns = 0
				if err := early.send(t, junk, 10); err != asynctls.ErrWantAsync || !early.WaitingForAsync() {
					t.Fatal(err)
				}
				if early.turns > 2*pieces {
					t.Errorf("%d turns for %d pieces", early.turns, pieces)
				}
				earlyErr := early.resume(gate)

				late := start()
				late.pause(t)
				err := late.resume(gate)
				if err == asynctls.ErrWantRead {
					err = late.send(t, junk, len(junk))
				} else if err == nil { // the client of TLS 1.3 is done with its last message
					_, err = io.ReadFull(struct{ io.Reader }{late}, make([]byte, 1))
					if err == asynctls.ErrWantRead {
						late.far.Write(junk)
						_, err = late.Read(make([]byte, 1))
					}
					if earlyErr == nil {
						_, earlyErr = early.Read(make([]byte, 1))
					}
				}
				if err == nil || asynctls.Wants(err) || earlyErr == nil || earlyErr.Error() != err.Error() {
					t.Errorf("%v, while it was paused; %v, later", earlyErr, err)
				}
			})
		}
	}
}

// verifying returns a server's configuration that asks for a certificate, and verifies it with
// e, in the handshake's job.
func verifying(t *testing.T, e *engine.Engine) (server, client *tls.Config) {
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	client = &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", Certificates: []tls.Certificate{cert}}
	server = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c := server.Clone()
		c.GetConfigForClient = nil
		c.ClientAuth = tls.RequireAnyClientCert
		c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error {
			return e.Do(hello.Context(), engine.Func(func() error { return nil }))
		}
		return c, nil
	}
	return server, client
}

// Input that arrives while the server is paused, the rest of a handshake, data and the end of
// the stream, is read after the wake: in order, and without another event of the socket.
func TestInputBeforeTheWake(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			e, gate := newGate(t)
			sc, cc := verifying(t, e)
			cc.MaxVersion = version
			peer := newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 0)})
			l := newLevelConn(t, asynctls.NewServerConn, sc, &asynctls.Options{Pool: newPool(t, 0)}, peer)
			left := l.pause(t)
			if len(left) == 0 {
				t.Fatal("the peer's flight was read to its end")
			}
			if version == tls.VersionTLS13 { // in which the client may send data now
				peer.Write([]byte("hello"))
				peer.CloseWrite()
				left = append(left, peer.buf.Out()...)
			}
			l.turns = 0
			if err := l.send(t, left, 7); err != asynctls.ErrWantAsync {
				t.Fatal(err)
			}
			if pieces := len(left)/7 + 1; l.turns > 2*pieces {
				t.Errorf("%d turns for %d pieces", l.turns, pieces)
			}
			if version == tls.VersionTLS13 {
				unix.Shutdown(int(l.far.FD()), unix.SHUT_WR)
			}
			if readable(t, l.sock.FD(), 0) != (version == tls.VersionTLS13) {
				t.Error("the input was left in the socket")
			}
			if err := l.resume(gate); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 100)
			if version == tls.VersionTLS12 {
				l.drivePeer(t)
				peer.Write([]byte("hello"))
				peer.CloseWrite()
				l.far.Write(peer.buf.Out())
			}
			// In TLS 1.2 crypto/tls looks for an alert behind the data.
			if n, err := l.Read(p); string(p[:n]) != "hello" || err != nil && err != io.EOF {
				t.Errorf("%q, %v", p[:n], err)
			}
			if n, err := l.Read(p); n != 0 || err != io.EOF {
				t.Error(n, err)
			}
		})
	}
}

// More than HighWater stays in the socket, and nothing of it is lost.
func TestInputBeyondHighWater(t *testing.T) {
	e, gate := newGate(t)
	sc, cc := verifying(t, e)
	const highWater, sent = 8000, 40_000
	peer := newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 0)})
	l := newLevelConn(t, asynctls.NewServerConn, sc, &asynctls.Options{Pool: newPool(t, 0), HighWater: highWater}, peer)
	left := l.pause(t)
	data := bytes.Repeat([]byte("0123456789"), sent/10)
	if _, err := peer.Write(data); err != nil {
		t.Fatal(err)
	}
	left = append(left, peer.buf.Out()...)
	before := l.sock.read
	l.far.Write(left)
	for range 10 {
		if err := l.Handshake(); err != asynctls.ErrWantAsync {
			t.Fatal(err)
		}
	}
	if n := l.sock.read - before; n != highWater {
		t.Errorf("%d of %d bytes were taken, not HighWater", n, len(left))
	}
	if err := l.resume(gate); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, sent)
	if _, err := io.ReadFull(struct{ io.Reader }{l}, got); err != nil || !bytes.Equal(got, data) {
		t.Error("other data was read:", err)
	}
	if n, err := l.Read(got); n != 0 || err != asynctls.ErrWantRead {
		t.Error(n, err)
	}
}

// A connection that waits for a place in the pool does not make a level-triggered loop spin
// either, and goes on with the input that was there.
func TestLevelTriggeredLoopInLine(t *testing.T) {
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	o := &asynctls.Options{Pool: newPool(t, 1)}
	first := newSide(t, asynctls.NewClientConn, cc, o)
	if err := first.Handshake(); err != asynctls.ErrWantRead {
		t.Fatal(err)
	}
	peer := newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 0)})
	l := newLevelConn(t, asynctls.NewServerConn, sc, o, peer)
	hello := l.drivePeer(t)
	if err := l.send(t, hello, 10); err != asynctls.ErrWantAsyncJob {
		t.Fatal(err)
	}
	if pieces := len(hello)/10 + 1; l.turns > 2*pieces {
		t.Errorf("%d turns for %d pieces", l.turns, pieces)
	}
	first.Abort()
	<-l.wakes
	err := l.Handshake() // reads the ClientHello, without an event of the socket
	for err == asynctls.ErrWantAsync {
		<-l.wakes
		err = l.Handshake()
	}
	if err != asynctls.ErrWantRead {
		t.Fatal(err)
	}
	if err := l.send(t, l.drivePeer(t), 1<<20); err != nil {
		t.Error(err)
	}
}
