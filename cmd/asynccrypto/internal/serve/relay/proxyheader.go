//go:build unix

package relay

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"

	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/proxyproto"
)

// proxyHeader returns the header of the PROXY protocol that tells the backend of c.
func proxyHeader(c *tlsserver.Conn, version int) []byte {
	h := proxyproto.Header{Source: addrPort(c.RemoteAddr()), Destination: addrPort(c.LocalAddr())}
	if version == 1 {
		return proxyproto.Append1(nil, h)
	}
	state := c.ConnectionState()
	return proxyproto.Append2(nil, h, proxyproto.TLS{
		ALPN:              state.NegotiatedProtocol,
		ServerName:        state.ServerName,
		Version:           strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1),
		ClientCertificate: len(state.VerifiedChains) > 0,
	})
}

// addrPort returns the zero AddrPort for a socket that is not TCP's.
func addrPort(a net.Addr) netip.AddrPort {
	if a, ok := a.(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.AddrPort{}
}
