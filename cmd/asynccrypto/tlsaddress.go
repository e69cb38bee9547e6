package main

import (
	"net"
	"net/netip"
	"strings"
)

// tlsAddress is where a server listens.
type tlsAddress struct {
	network, address string // for net.Dial
	host             string // the name to expect in its certificate
}

// parseAddress takes HOST, HOST:PORT, an IP address with a port or without, or unix:PATH.
func parseAddress(text string) (tlsAddress, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return tlsAddress{}, usagef("address %q: no path; give unix:PATH", text)
		}
		return tlsAddress{"unix", path, "localhost"}, nil
	}
	if strings.Contains(text, "://") {
		return tlsAddress{}, usagef("address %q: a URL; give HOST:PORT", text)
	}
	host, port := text, "443"
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		host = ip.String()
	} else if strings.Contains(text, ":") {
		if host, port, err = net.SplitHostPort(text); err != nil {
			return tlsAddress{}, usagef("address %q: neither HOST:PORT nor an IP address", text)
		}
	}
	if host == "" {
		return tlsAddress{}, usagef("address %q: no host; give HOST:PORT", text)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return tlsAddress{}, usagef("address %q: no such port as %q", text, port)
	}
	return tlsAddress{"tcp", net.JoinHostPort(host, port), host}, nil
}
