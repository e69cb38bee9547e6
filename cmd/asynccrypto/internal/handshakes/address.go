package handshakes

import (
	"net"
	"net/netip"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// address is where a server listens.
type address struct {
	network, text string // for net.Dial
	host          string // the name to expect in its certificate
}

// parseAddress takes HOST, HOST:PORT, an IP address with or without a port, or unix:PATH.
func parseAddress(text string) (address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return address{}, cli.Usagef("address %q: no path; give unix:PATH", text)
		}
		return address{"unix", path, "localhost"}, nil
	}
	if strings.Contains(text, "://") {
		return address{}, cli.Usagef("address %q: a URL; give HOST:PORT", text)
	}
	host, port := text, "443"
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		host = ip.String()
	} else if strings.Contains(text, ":") {
		if host, port, err = net.SplitHostPort(text); err != nil {
			return address{}, cli.Usagef("address %q: neither HOST:PORT nor an IP address", text)
		}
	}
	if host == "" {
		return address{}, cli.Usagef("address %q: no host; give HOST:PORT", text)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return address{}, cli.Usagef("address %q: no such port as %q", text, port)
	}
	return address{"tcp", net.JoinHostPort(host, port), host}, nil
}
