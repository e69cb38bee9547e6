//go:build unix

package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Backend is the server that a [Handler] passes connections on to.
type Backend struct {
	path  string // of a unix socket; otherwise empty, and
	host  string
	port  uint16
	addrs atomic.Pointer[[]netip.AddrPort] // of host; one zero address for a unix socket
}

// ParseBackend takes HOST:PORT or unix:PATH. Call [Backend.LookUp] before the first connection.
func ParseBackend(text string) (*Backend, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" || len(path) > 100 {
			return nil, errors.New("give unix:PATH, with a path of 1 to 100 bytes")
		}
		return &Backend{path: path}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return nil, errors.New("not HOST:PORT, nor unix:PATH")
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("no such port as %q", port)
	}
	if host == "" {
		host = "localhost"
	}
	return &Backend{host: host, port: uint16(n)}, nil
}

// lookUpHost finds the addresses of a name. Tests put another function here.
var lookUpHost = func(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// LookUp finds the addresses of the backend's name, within ten seconds. New connections use these
// addresses from then on: to look the name up for each of them would block an event loop. After an
// error the addresses stay as they were. LookUp reports whether they have changed.
func (b *Backend) LookUp(ctx context.Context) (changed bool, err error) {
	var addrs []netip.AddrPort
	if b.path != "" {
		addrs = make([]netip.AddrPort, 1)
	} else {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		ips, err := lookUpHost(ctx, b.host)
		if err != nil {
			return false, err
		}
		for _, ip := range ips {
			addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), b.port))
		}
	}
	old := b.addrs.Swap(&addrs)
	return old != nil && !sameAddresses(*old, addrs), nil
}

// sameAddresses compares in any order: many resolvers turn the addresses from answer to answer.
func sameAddresses(a, b []netip.AddrPort) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, netip.AddrPort.Compare)
	slices.SortFunc(b, netip.AddrPort.Compare)
	return slices.Equal(a, b)
}

// HasName reports whether there is a name to look up again.
func (b *Backend) HasName() bool {
	_, err := netip.ParseAddr(b.host)
	return b.path == "" && err != nil
}

// addresses returns the addresses that a connection tries in turn.
func (b *Backend) addresses() []netip.AddrPort { return *b.addrs.Load() }

// Addresses lists the addresses for a log.
func (b *Backend) Addresses() string {
	var texts []string
	for _, a := range b.addresses() {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " ")
}

// sockaddr returns one of the addresses in the system's form. Each caller needs one of its own,
// because package unix writes into it.
func (b *Backend) sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if b.path != "" {
		return &unix.SockaddrUnix{Name: b.path}
	}
	ip, port := addr.Addr(), int(addr.Port())
	if ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: port}
	}
	a := &unix.SockaddrInet6{Addr: ip.As16(), Port: port}
	if ip.Zone() != "" {
		if i, err := net.InterfaceByName(ip.Zone()); err == nil {
			a.ZoneId = uint32(i.Index)
		}
	}
	return a
}
