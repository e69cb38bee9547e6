//go:build unix

package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Backend is the server that a [Handler] passes connections on to.
type Backend struct {
	path  string // of a unix socket; otherwise empty, and
	host  string
	port  uint16
	addrs []netip.AddrPort // of host; one zero address for a unix socket
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

// LookUp finds the addresses of the backend's name, within ten seconds. Connections use these
// addresses from then on: to look the name up for each of them would block an event loop.
func (b *Backend) LookUp() error {
	if b.path != "" {
		b.addrs = make([]netip.AddrPort, 1)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", b.host)
	if err != nil {
		return err
	}
	for _, ip := range ips {
		b.addrs = append(b.addrs, netip.AddrPortFrom(ip.Unmap(), b.port))
	}
	return nil
}

// sockaddr returns address i in the system's form. Each caller needs one of its own, because
// package unix writes into it.
func (b *Backend) sockaddr(i int) unix.Sockaddr {
	if b.path != "" {
		return &unix.SockaddrUnix{Name: b.path}
	}
	ip, port := b.addrs[i].Addr(), int(b.addrs[i].Port())
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
