package asynctls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"testing"

	"asynccrypto/asynctls"
)

// Everything both ways, in each version, however the bytes are cut.
func TestConn(t *testing.T) {
	e := newEngine(t)
	pool := newPool(t, 0)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, cut := range []int{1, 7, 1 << 20} {
			server, client := configs(t, e)
			server.MinVersion, server.MaxVersion = version, version
			o := &asynctls.Options{Pool: pool}
			s, c := newSide(t, asynctls.NewServerConn, server, o), newSide(t, asynctls.NewClientConn, client, o)
			if sErr, cErr := shake(t, s, c, cut); sErr != nil || cErr != nil {
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
