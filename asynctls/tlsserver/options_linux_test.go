package tlsserver_test

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/asynctls/internal/sockaddr"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
)

// Every connection has the options that package net sets, whether it inherits them from the listener
// or came before Serve. With Nagle's algorithm a second small write would wait for as long as the
// client delays its acknowledgement.
func TestServerSocketOptions(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ln := listen(t, "tcp", "127.0.0.1:0")
	early := dialRaw(t, ln.Addr().String())
	serveOn(t, &tlsserver.Server{TLS: server, Handler: echo{}}, ln)
	ask(t, tls.Client(early, client), "hello")
	checkOptions(t, early)
	for range 2 {
		later := dialRaw(t, ln.Addr().String())
		ask(t, tls.Client(later, client), "hello")
		checkOptions(t, later)
	}
}

// checkOptions checks the options of the server's socket whose peer is c.
func checkOptions(t *testing.T, c net.Conn) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	want := netip.MustParseAddrPort(c.LocalAddr().String())
	for _, entry := range fds {
		fd, _ := strconv.Atoi(entry.Name())
		if peer, err := syscall.Getpeername(fd); err != nil || sockaddr.AddrPort(peer) != want {
			continue
		}
		for _, option := range []struct{ level, name, want int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		} {
			if v, err := unix.GetsockoptInt(fd, option.level, option.name); v != option.want || err != nil {
				t.Errorf("option %d of level %d is %d, not %d: %v", option.name, option.level, v, option.want, err)
			}
		}
		return
	}
	t.Error("the server's socket was not found")
}
