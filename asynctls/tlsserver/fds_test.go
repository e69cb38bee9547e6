//go:build unix

package tlsserver_test

import (
	"crypto/tls"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// Without fds left, open connections go on, and new ones are served once there are fds again.
func TestServerOutOfFDs(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	addr := serve(t, &tlsserver.Server{TLS: server, Handler: echo{}})
	open := dial(t, addr, client)
	ask(t, open, "hello")
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0) // the client's, while there is one
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "client")
	defer file.Close()
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	restore := func() error { return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) }
	defer restore()
	low := limit
	low.Cur = 3 // there are more already
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	ask(t, open, "still there")
	time.Sleep(20 * time.Millisecond) // for accept to fail
	ask(t, open, "still there")
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	late, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	late.SetDeadline(testwait.Limit())
	ask(t, tls.Client(late, client), "at last")
}
