//go:build unix

package tlsserver_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// rawClients connects n sockets that the runtime knows nothing of, so that only the server's
// side costs memory.
func rawClients(t *testing.T, addr string, n int) {
	t.Helper()
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var fds []int
	t.Cleanup(func() { closeAll(fds) })
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
			t.Fatal(err)
		}
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// atMost returns n, or how many connections there are fds for in a process that has both ends.
func atMost(n int) int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		n = int(min(uint64(n), uint64(limit.Cur-200)/2)) //nolint:unconvert // Cur is signed on FreeBSD
	}
	return n
}

// Half-open connections by the ten thousand cost little, and the open ones go on.
func TestServerHalfOpen(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	s := &tlsserver.Server{TLS: server, Handler: echo{}, HandshakeTimeout: time.Hour}
	addr := serve(t, s)
	open := dial(t, addr, client)
	ask(t, open, "hello")
	n := atMost(tlstest.Repeat(2000, 10_000))
	before := memory()
	rawClients(t, addr, n)
	testwait.Await(t, "the connections", func() bool { return s.Stats().Handshaking == n })
	each := (memory() - before) / int64(n)
	t.Log(n, "half-open connections,", each, "bytes each")
	if each > 1024 {
		t.Errorf("%d bytes for each half-open connection", each)
	}
	ask(t, open, "still there")
}

// Half-open connections end in time, and leave MaxPending to others.
func TestServerHalfOpenEnds(t *testing.T) {
	t.Parallel()
	server, _ := tlstest.Configs(t, tlstest.NewEngine(t))
	var failed failures
	s := &tlsserver.Server{TLS: server, Handler: echo{}, HandshakeTimeout: 300 * time.Millisecond, Failed: failed.Failed}
	addr := serve(t, s)
	const n = 100
	rawClients(t, addr, n)
	testwait.Await(t, "their end", func() bool { return s.Stats().TimedOut == n && s.Stats().Handshaking == 0 })
	failed.check(t, n, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) })
}

// MaxPending bounds them: the next wait in the listener's queue.
func TestServerMaxPending(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	s := &tlsserver.Server{TLS: server, Handler: echo{}, MaxPending: 10, HandshakeTimeout: 200 * time.Millisecond}
	addr := serve(t, s)
	rawClients(t, addr, 30)
	if st := s.Stats(); st.Handshaking > 10 {
		t.Errorf("%+v", st)
	}
	testwait.Await(t, "an answer to the last in line", func() bool {
		c, err := tls.Dial("tcp", addr, client)
		if err != nil {
			return false // on a busy machine this handshake, too, may have taken too long
		}
		defer c.Close()
		c.SetDeadline(testwait.Limit())
		return echoed(c, "the last in line") == nil
	})
	if st := s.Stats(); st.TimedOut <= 20 { // the first two lots of ten, and one of the third
		t.Errorf("%+v", st)
	}
}

// An idle connection is its tls.Conn and little more: no goroutine, no job, no buffer.
// crypto/tls keeps one that the ClientHello went through, which is three times as long with
// Go's default, a hybrid curve.
func TestServerIdleMemory(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	cert := tlstest.NewCert(t, tlstest.Keys()["ECDSA"])
	server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }
	client.InsecureSkipVerify = true
	for _, test := range []struct {
		name   string
		curves []tls.CurveID
		most   int64
	}{{"X25519", []tls.CurveID{tls.X25519}, 5000}, {"default curves", nil, 8000}} {
		t.Run(test.name, func(t *testing.T) {
			client.CurvePreferences = test.curves
			s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 1, IdleTimeout: time.Minute}
			addr := serve(t, s)
			n := atMost(tlstest.Repeat(200, 500))
			fds := make([]int, 0, n+50)
			t.Cleanup(func() { closeAll(fds) })
			connect := func() {
				c, err := tls.Dial("tcp", addr, client)
				if err != nil {
					t.Fatal(err)
				}
				ask(t, c, "hello")
				raw, err := c.NetConn().(*net.TCPConn).SyscallConn()
				if err != nil {
					t.Fatal(err)
				}
				raw.Control(func(fd uintptr) {
					var dup int
					if dup, err = syscall.Dup(int(fd)); err == nil {
						fds = append(fds, dup)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				c.NetConn().Close() // the socket lives on, and the client's memory is freed
			}
			for range 50 { // so that everything is allocated that is allocated once
				connect()
			}
			before := memory()
			for range n {
				connect()
			}
			each := (memory() - before) / int64(n)
			t.Log(each, "bytes for each idle connection")
			if each > test.most {
				t.Errorf("%d bytes for each idle connection", each)
			}
			if st := s.Stats(); st.Open != n+50 {
				t.Errorf("%+v", st)
			}
		})
	}
}
