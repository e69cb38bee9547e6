//go:build unix

package tlsserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/proxyproto"
	"asynccrypto/internal/testwait"
)

// addresses is a Handler that sends the connection's addresses and closes.
type addresses struct{ echo }

func (addresses) Open(c *tlsserver.Conn) error {
	io.WriteString(c, c.RemoteAddr().String()+" "+c.LocalAddr().String())
	return c.Close()
}

type failure struct {
	remote string
	err    error
}

// proxyServer returns the address of a server whose peers must, or must not, send a header, and
// the handshakes that fail.
func proxyServer(t *testing.T, from func(netip.AddrPort) bool, timeout time.Duration) (addr string, client *tls.Config, hello chan string, failed chan failure) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	hello, failed = make(chan string, 10), make(chan failure, 10)
	server = server.Clone()
	server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello <- h.Conn.RemoteAddr().String()
		return nil, nil
	}
	s := &tlsserver.Server{TLS: asynctls.Config(server), Handler: addresses{}, ProxyProtocolFrom: from, HandshakeTimeout: timeout,
		Failed: func(remote net.Addr, err error) { failed <- failure{remote.String(), err} }}
	return serve(t, s), client, hello, failed
}

// The header's addresses are those of the connection, in whatever pieces it comes.
func TestProxyHeader(t *testing.T) {
	t.Parallel()
	addr, client, hello, _ := proxyServer(t, func(netip.AddrPort) bool { return true }, 0)
	client = client.Clone()
	if client.ServerName == "" {
		client.ServerName = "localhost"
	}
	h := proxyproto.Header{Source: netip.MustParseAddrPort("192.0.2.1:1234"), Destination: netip.MustParseAddrPort("198.51.100.2:443")}
	h6 := proxyproto.Header{Source: netip.MustParseAddrPort("[2001:db8::1]:1"), Destination: netip.MustParseAddrPort("[2001:db8::2]:2")}
	local := "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	for header, want := range map[string]string{
		string(proxyproto.Append1(nil, h)):                                                  "192.0.2.1:1234 198.51.100.2:443",
		string(proxyproto.Append2(nil, h6, proxyproto.TLS{Version: "x"})):                   "[2001:db8::1]:1 [2001:db8::2]:2",
		string(proxyproto.Append2(nil, h, proxyproto.TLS{ALPN: strings.Repeat("x", 2000)})): "192.0.2.1:1234 198.51.100.2:443",
		"PROXY UNKNOWN\r\n": "", local: "",
	} {
		for _, pieces := range []int{0, 1, 7} {
			raw := dialRaw(t, addr)
			whole := header
			if pieces > 0 && len(header) < 200 {
				whole = ""
				for left := header; left != ""; left = left[min(pieces, len(left)):] {
					io.WriteString(raw, left[:min(pieces, len(left))])
					time.Sleep(time.Millisecond)
				}
			}
			c := tls.Client(&prefixed{Conn: raw, before: whole}, client)
			got, err := io.ReadAll(c)
			want := want
			if want == "" {
				want = raw.LocalAddr().String() + " " + addr
			}
			if err != nil || string(got) != want {
				t.Errorf("%q in pieces of %d: %q, %v, not %q", header, pieces, got, err, want)
			}
			if remote, _, _ := strings.Cut(want, " "); testwait.Receive(t, "ClientHello", hello) != remote {
				t.Errorf("ClientHelloInfo has another address than %s", remote)
			}
		}
	}
}

// prefixed sends something before its first byte, in one piece with it.
type prefixed struct {
	net.Conn
	before string
}

func (p *prefixed) Write(b []byte) (int, error) {
	before := len(p.before)
	n, err := p.Conn.Write(append([]byte(p.before), b...))
	p.before = ""
	return max(0, n-before), err
}

// Without a header, or with a wrong one, a proxy's connection fails; with one, any other's does.
func TestProxyHeaderRefused(t *testing.T) {
	t.Parallel()
	addr, client, _, failed := proxyServer(t, func(p netip.AddrPort) bool { return p.IsValid() && p.Addr().IsLoopback() }, 0)
	if _, err := tls.Dial("tcp", addr, client); err == nil {
		t.Error("a connection without a header was taken")
	}
	if f := testwait.Receive(t, "Failed", failed); !strings.Contains(f.err.Error(), "no PROXY protocol header") {
		t.Error(f)
	}
	for header, want := range map[string]string{"PROXY TCP4 a b 1 2\r\n": `"a" is no TCP4 address`, "PROXY TCP4 1.2": io.ErrUnexpectedEOF.Error(), "": io.EOF.Error()} {
		raw := dialRaw(t, addr)
		io.WriteString(raw, header)
		raw.CloseWrite()
		if f := testwait.Receive(t, "Failed", failed); !strings.Contains(f.err.Error(), want) || f.remote != raw.LocalAddr().String() {
			t.Errorf("%q: %v", header, f)
		}
	}
	addr, _, _, failed = proxyServer(t, func(netip.AddrPort) bool { return false }, 0)
	raw := dialRaw(t, addr)
	io.WriteString(raw, "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n")
	if f := testwait.Receive(t, "Failed", failed); !strings.Contains(f.err.Error(), "first record does not look like") || f.remote != raw.LocalAddr().String() {
		t.Error(f)
	}
}

// A proxy that does not finish its header is disconnected after HandshakeTimeout, and Shutdown does
// not wait for it.
func TestProxyHeaderTimeout(t *testing.T) {
	t.Parallel()
	addr, _, _, failed := proxyServer(t, func(netip.AddrPort) bool { return true }, 50*time.Millisecond)
	raw := dialRaw(t, addr)
	io.WriteString(raw, "PROXY TCP4 ")
	if f := testwait.Receive(t, "Failed", failed); !errors.Is(f.err, os.ErrDeadlineExceeded) {
		t.Error(f)
	}
	server, _ := tlstest.Configs(t, tlstest.NewEngine(t))
	s := &tlsserver.Server{TLS: server, Handler: echo{}, ProxyProtocolFrom: func(netip.AddrPort) bool { return true }}
	raw = dialRaw(t, serve(t, s))
	io.WriteString(raw, "PROXY TCP4 ")
	for s.Stats().Handshaking == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
