//go:build unix

package relay

import (
	"context"
	"errors"
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
	b := &Backend{}
	if a, ok := b.sockaddr(netip.MustParseAddrPort("127.0.0.1:80")).(*unix.SockaddrInet4); !ok || a.Port != 80 || a.Addr != [4]byte{127, 0, 0, 1} {
		t.Errorf("%+v", a)
	}
	if a, ok := b.sockaddr(netip.MustParseAddrPort("[::1]:81")).(*unix.SockaddrInet6); !ok || a.Port != 81 || a.Addr[15] != 1 {
		t.Errorf("%+v", a)
	}
	b, err := ParseBackend("unix:/run/x")
	if err == nil {
		_, err = b.LookUp(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := b.sockaddr(b.addresses()[0]).(*unix.SockaddrUnix); !ok || a.Name != "/run/x" {
		t.Errorf("%+v", a)
	}
}

// New addresses of a name are used from then on, a failed look-up changes nothing, and the order in
// which a resolver gives the same addresses is no change.
func TestLookUpAgain(t *testing.T) {
	a, c := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.2")
	var answer []netip.Addr
	var failure error
	defer func(old func(context.Context, string) ([]netip.Addr, error)) { lookUpHost = old }(lookUpHost)
	lookUpHost = func(context.Context, string) ([]netip.Addr, error) { return answer, failure }
	b, err := ParseBackend("backend.test:80")
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		answer  []netip.Addr
		failure error
		changed bool
		want    string
	}{
		{[]netip.Addr{a}, nil, false, "192.0.2.1:80"},
		{[]netip.Addr{a, c}, nil, true, "192.0.2.1:80 192.0.2.2:80"},
		{[]netip.Addr{c, a}, nil, false, "192.0.2.2:80 192.0.2.1:80"},
		{nil, errors.New("no answer"), false, "192.0.2.2:80 192.0.2.1:80"},
		{[]netip.Addr{c}, nil, true, "192.0.2.2:80"},
	} {
		answer, failure = step.answer, step.failure
		if changed, err := b.LookUp(t.Context()); changed != step.changed || err != failure || b.Addresses() != step.want {
			t.Errorf("step %d: %v, %v, %s", i, changed, err, b.Addresses())
		}
	}
	for text, want := range map[string]bool{"backend.test:80": true, ":80": true, "127.0.0.1:80": false, "[::1]:80": false, "unix:/x": false} {
		if b, err := ParseBackend(text); err != nil || b.HasName() != want {
			t.Errorf("%s: %v, %v", text, b.HasName(), err)
		}
	}
}
