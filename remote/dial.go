package remote

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/transport"
)

// lookup is a [pool.Lookup].
func lookup(ctx context.Context, node string) ([]string, error) {
	if strings.HasPrefix(node, unixPrefix) {
		return []string{node}, nil
	}
	host, port, err := net.SplitHostPort(node)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addrs := make([]string, len(ips))
	for i, ip := range ips {
		addrs[i] = net.JoinHostPort(ip.Unmap().String(), port)
	}
	slices.Sort(addrs) // servers of names take turns with the order
	return slices.Compact(addrs), nil
}

// dial is a [pool.Dial].
func (c Config) dial(ctx context.Context, node, addr string, h pool.Handler) (pool.Conn, error) {
	if path, ok := strings.CutPrefix(addr, unixPrefix); ok {
		return transport.DialUnix(ctx, path, h)
	}
	host, _, err := net.SplitHostPort(node)
	if err != nil {
		return nil, err
	}
	return transport.DialGRPC(ctx, addr, cmp.Or(c.TLS.ServerName, host), c.TLS, h)
}
