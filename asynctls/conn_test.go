package asynctls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// Everything both ways, in each version, however the bytes are cut.
func TestConn(t *testing.T) {
	e := tlstest.NewEngine(t)
	pool := newPool(t, 0)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, cut := range []int{1, 7, 1 << 20} {
			server, client := tlstest.Configs(t, e)
			server.MinVersion, server.MaxVersion = version, version
			o := &asynctls.Options{Pool: pool}
			s, c := newSide(t, asynctls.NewServerConn, server, o), newSide(t, asynctls.NewClientConn, client, o)
			if sErr, cErr := handshake(t, s, c, cut); sErr != nil || cErr != nil {
				t.Fatal(sErr, cErr)
			}
			if state, ok := s.ConnectionState(); !ok || state.Version != version {
				t.Error(state.Version, ok)
			}
			sent := bytes.Repeat([]byte("0123456789abcdef"), 2000)
			for _, d := range []struct{ from, to *side }{{c, s}, {s, c}} {
				if n, err := d.from.Write(sent); n != len(sent) || err != nil {
					t.Fatal(n, err)
				}
				var got []byte
				for p := make([]byte, 1000); len(got) < len(sent); {
					n, err := d.to.Read(p)
					if got = append(got, p[:n]...); err == nil {
						continue
					}
					if err != asynctls.ErrWantRead || n > 0 || !carry(d.from, d.to, cut) {
						t.Fatal(n, err, len(got))
					}
				}
				if !bytes.Equal(got, sent) {
					t.Error("what arrives is not what was sent")
				}
			}
			if err := c.Close(); err != asynctls.ErrWantWrite {
				t.Error("closed before close_notify was sent:", err)
			}
			for carry(c, s, cut) {
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Error(n, err)
			}
			if err := s.Handshake(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Without a pool nothing works, and says so.
func TestNoPool(t *testing.T) {
	c := asynctls.NewServerConn(new(asynctls.Buffers), new(tls.Config), nil)
	if err := c.Handshake(); !errors.Is(err, asynctls.ErrNoPool) {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// ALPN as in crypto/tls: the server's first that the client knows as well, and no connection if
// there is none.
func TestALPN(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for offer, want := range map[string]string{"h2 b a": "a", "b": "b", "": "", "h2": "no application protocol"} {
			sc, cc := tlstest.Configs(t, e)
			sc.NextProtos, cc.NextProtos, cc.MaxVersion = []string{"a", "b"}, strings.Fields(offer), version
			o := &asynctls.Options{Pool: pool}
			s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
			sErr, cErr := handshakeAndClose(t, s, c)
			if offer == "h2" {
				if sErr == nil || cErr == nil || !strings.Contains(cErr.Error(), want) {
					t.Error(version, sErr, cErr)
				}
				continue
			}
			if sErr != nil || cErr != nil {
				t.Fatal(version, offer, sErr, cErr)
			}
			for _, side := range []*side{s, c} {
				if state, ok := side.ConnectionState(); !ok || state.NegotiatedProtocol != want {
					t.Errorf("%x, %q: %q, want %q", version, offer, state.NegotiatedProtocol, want)
				}
			}
		}
	}
}
