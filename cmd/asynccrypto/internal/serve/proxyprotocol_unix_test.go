//go:build unix

package serve

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/proxyproto"
)

// The backend learns the client's address by either version, from the socket or from a balancer's
// header, and the bytes after the header are the client's.
func TestServeProxyProtocol(t *testing.T) {
	headers := make(chan proxyproto.Header, 1)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) {
		r := bufio.NewReaderSize(c, proxyproto.MaxLength)
		for n := 1; ; n++ {
			b, err := r.Peek(n)
			if err != nil {
				t.Error(err)
				return
			}
			h, length, err := proxyproto.Parse(b)
			if err == proxyproto.ErrIncomplete {
				continue
			} else if err != nil {
				t.Error(err)
			}
			headers <- h
			r.Discard(length)
			break
		}
		io.Copy(c, r)
	})
	given := proxyproto.Header{Source: netip.MustParseAddrPort("192.0.2.1:1234"), Destination: netip.MustParseAddrPort("198.51.100.2:443")}
	for _, version := range []string{"1", "2"} {
		for _, from := range []string{"", "unix,127.0.0.0/8", "::1,127.0.0.1"} {
			args := []string{"-proxy-protocol", version}
			if from != "" {
				args = append(args, "-proxy-protocol-from", from)
			}
			s, config := proxied(t, backend, args...)
			raw, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			want := proxyproto.Header{Source: raw.LocalAddr().(*net.TCPAddr).AddrPort(), Destination: raw.RemoteAddr().(*net.TCPAddr).AddrPort()}
			if from != "" {
				want = given
				raw.Write(proxyproto.Append1(nil, given))
			}
			config.ServerName = "localhost"
			c := tls.Client(raw, config)
			io.WriteString(c, "hello")
			if got := <-headers; got != want {
				t.Errorf("version %s, from %q: %v, not %v", version, from, got, want)
			}
			answer := make([]byte, 5)
			if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "hello" {
				t.Errorf("%q, %v", answer, err)
			}
			c.NetConn().(*net.TCPConn).SetLinger(0)
			c.NetConn().Close()
			s.Logged(`connection failed: ` + want.Source.String() + `: connection reset by peer`)
		}
	}
	// From a unix socket, in one piece with the ClientHello or not.
	path := filepath.Join(t.TempDir(), "socket")
	_, fromUnix := proxied(t, backend, "-proxy-protocol", "1", "-proxy-protocol-from", "unix", "-addr", "unix:"+path)
	for _, header := range []string{string(proxyproto.Append2(nil, given, proxyproto.TLS{})), "PROXY UNKNOWN\r\n"} {
		raw, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		for i := range header {
			io.WriteString(raw, header[i:i+1])
		}
		fromUnix.ServerName = "localhost"
		io.WriteString(tls.Client(raw, fromUnix), "hello")
		want := given
		if header[0] == 'P' {
			want = proxyproto.Header{} // a unix socket has no addresses to tell
		}
		if got := <-headers; got != want {
			t.Errorf("from a unix socket: %v, not %v", got, want)
		}
	}
	// A balancer without a header is refused, and so is a header from elsewhere.
	s, config := proxied(t, backend, "-proxy-protocol-from", "127.0.0.0/8")
	if _, err := tls.Dial("tcp", s.addr, config); err == nil {
		t.Error("a balancer without a header was taken")
	}
	s.Logged(`handshake failed: 127\.0\.0\.1:\d+: no PROXY protocol header`)
	s, config = proxied(t, backend, "-proxy-protocol-from", "10.0.0.0/8,unix")
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.Write(proxyproto.Append1(nil, given))
	config.ServerName = "localhost"
	if err := tls.Client(raw, config).Handshake(); err == nil {
		t.Error("a header from elsewhere was taken")
	}
	s.Logged(`handshake failed: ` + raw.LocalAddr().String() + `: tls: first record does not look like`)
}
