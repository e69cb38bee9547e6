//go:build unix

package relay

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseBackend(t *testing.T) {
	for text, want := range map[string]string{
		"localhost:8080": "", ":http": "", "[::1]:1": "", "unix:/run/x": "",
		"8080": "not HOST:PORT", "localhost:what": `no such port as "what"`, "localhost:0": "no such port", "unix:": "give unix:PATH",
		"unix:" + strings.Repeat("x", 101): "give unix:PATH",
	} {
		if _, err := ParseBackend(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Each kind of address reaches the system in its own form.
func TestSockaddr(t *testing.T) {
	b := &Backend{addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:80"), netip.MustParseAddrPort("[::1]:81")}}
	if a, ok := b.sockaddr(0).(*unix.SockaddrInet4); !ok || a.Port != 80 || a.Addr != [4]byte{127, 0, 0, 1} {
		t.Errorf("%+v", a)
	}
	if a, ok := b.sockaddr(1).(*unix.SockaddrInet6); !ok || a.Port != 81 || a.Addr[15] != 1 {
		t.Errorf("%+v", a)
	}
	b, err := ParseBackend("unix:/run/x")
	if err == nil {
		err = b.LookUp()
	}
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := b.sockaddr(0).(*unix.SockaddrUnix); !ok || a.Name != "/run/x" {
		t.Errorf("%+v", a)
	}
}
