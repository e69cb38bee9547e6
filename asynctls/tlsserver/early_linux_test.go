package tlsserver_test

import (
	"crypto/tls"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/asynctls/internal/sockaddr"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
)

// A connection that came before Serve is as the others: it has no Nagle, which would hold back
// a second small write for as long as the client delays its acknowledgement.
func TestServerEarlyClient(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ln := listen(t, "tcp", "127.0.0.1:0")
	raw := dialRaw(t, ln.Addr().String())
	serveOn(t, &tlsserver.Server{TLS: server, Handler: echo{}}, ln)
	ask(t, tls.Client(raw, client), "hello")
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	want := netip.MustParseAddrPort(raw.LocalAddr().String())
	for _, entry := range fds {
		fd, _ := strconv.Atoi(entry.Name())
		if peer, err := unix.Getpeername(fd); err != nil || sockaddr.AddrPort(peer) != want {
			continue
		}
		for _, option := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}} {
			if on, err := unix.GetsockoptInt(fd, option[0], option[1]); on == 0 || err != nil {
				t.Error(option, on, err)
			}
		}
		return
	}
	t.Error("the server's socket was not found")
}
