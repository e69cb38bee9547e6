package asynctls_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"runtime"
	"strings"
	"testing"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// open returns both sides of an open connection.
func open(t testing.TB, sc, cc *tls.Config, o *asynctls.Options) (s, c *side) {
	t.Helper()
	s, c = newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
	if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
		t.Fatal(sErr, cErr)
	}
	return s, c
}

// Bytes that are no handshake, too much of one, or the beginning of one get the answer that
// crypto/tls gives them; no job is left.
func TestHostileBytes(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 1)
	sc, cc := tlstest.Configs(t, e)
	hello := newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 0)})
	hello.Handshake()
	first := bytes.Clone(hello.buf.Out())
	bomb := append([]byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, first...)
	for _, c := range []struct {
		name string
		b    []byte
		err  string
	}{
		{"nothing", nil, "EOF"},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n"), "first record does not look like a TLS handshake"},
		{"SSLv2", append([]byte{0x80, 0x2e}, make([]byte, 50)...), "unsupported SSLv2 handshake received"},
		{"zeros", make([]byte, 100), "first record does not look like a TLS handshake"},
		{"a big message", bomb, "handshake message of length 16777215 bytes exceeds maximum of 65536 bytes"},
		{"a big record", append([]byte{22, 3, 1, 0xff, 0xff}, make([]byte, 70000)...), "oversized record received with length 65535"},
		{"warnings", bytes.Repeat([]byte{21, 3, 1, 0, 2, 1, 90}, 100), "too many ignored records"},
		{"half a hello", first[:len(first)/2], "unexpected EOF"},
		{"a hello twice", append(bytes.Clone(first), first...), "received record with version 301 when expecting version 303"},
		{"a hello, spoilt", append(bytes.Clone(first[:60]), make([]byte, len(first)-60)...), ""},
	} {
		for _, cut := range []int{1, 1 << 20} {
			s := newSide(t, asynctls.NewServerConn, sc, &asynctls.Options{Pool: pool})
			err := asynctls.ErrWantRead
			for rest := c.b; err == asynctls.ErrWantRead || err == asynctls.ErrWantAsync; {
				if err == asynctls.ErrWantAsync {
					<-s.wakes
				} else if n := min(cut, len(rest)); n > 0 {
					s.buf.Feed(rest[:n])
					rest = rest[n:]
				} else {
					s.buf.FeedEOF()
				}
				err = s.Handshake()
			}
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			if !hasPlace(pool) {
				t.Fatal(c.name, "a job is left")
			}
			s.Close()
			s.Abort()
		}
	}
}

// After the handshake too: garbage, a stream that ends in the middle, one that ends without
// close_notify.
func TestHostileBytesLater(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	sc, cc := tlstest.Configs(t, e)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cc := cc.Clone()
		cc.MaxVersion = version
		for _, c := range []struct {
			name  string
			spoil func([]byte) []byte
			err   string
		}{
			{"another byte", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "bad record MAC"},
			{"another type", func(b []byte) []byte { b[0] = 99; return b }, ""},
			{"truncated", func(b []byte) []byte { return b[:len(b)-1] }, "unexpected EOF"},
			{"ended", func(b []byte) []byte { return nil }, "EOF"},
			{"again", func(b []byte) []byte { return append(b, b...) }, "bad record MAC"},
		} {
			s, client := open(t, sc, cc, &asynctls.Options{Pool: pool})
			client.Write([]byte("hello"))
			s.buf.Feed(c.spoil(bytes.Clone(client.buf.Out())))
			s.buf.FeedEOF()
			_, err := io.ReadAll(struct{ io.Reader }{s})
			if c.name == "ended" {
				if err != nil {
					t.Error(c.name, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// Two sides that have much to tell each other, each with a transport that takes little, get it
// said: output that one has not sent yet does not keep it from reading.
func TestBothTalk(t *testing.T) {
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	s, c := open(t, sc, cc, &asynctls.Options{Pool: newPool(t, 0), HighWater: 1000})
	const total = 300 << 10
	written, read := map[*side]int{}, map[*side]int{}
	p := make([]byte, 50000)
	for range 100000 {
		for _, x := range []*side{s, c} {
			n, err := x.Write(p[:min(len(p), total-written[x])])
			if written[x] += n; err != nil && err != asynctls.ErrWantWrite {
				t.Fatal(err)
			}
			n, err = x.Read(p)
			if read[x] += n; err != nil && err != asynctls.ErrWantRead {
				t.Fatal(err)
			}
			if b := x.buf.Buffered(); b > 1000+20000 {
				t.Fatal(b, "bytes are held")
			}
		}
		for _, d := range [][2]*side{{s, c}, {c, s}} {
			if d[1].buf.Unread() < 2000 { // as much as the kernel would hold
				carry(d[0], d[1], 2000)
			}
		}
		if read[s] == total && read[c] == total {
			return
		}
	}
	t.Error("they are stuck:", written, read)
}

// A peer that takes nothing makes nothing grow. Write takes a part and says how much, Read
// reads on, until answers to the peer fill the transport too.
func TestHighWater(t *testing.T) {
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	s, c := open(t, sc, cc, &asynctls.Options{Pool: newPool(t, 0), HighWater: 10000})
	n, err := s.Write(make([]byte, 100000))
	if n != 16384 || err != asynctls.ErrWantWrite {
		t.Fatal(n, err)
	}
	if n, err := s.Write(nil); n != 0 || err != asynctls.ErrWantWrite {
		t.Error(n, err)
	}
	c.Write([]byte("hello"))
	carry(c, s, 1<<20)
	p := make([]byte, 16384)
	if n, err := s.Read(p); string(p[:n]) != "hello" || err != nil {
		t.Error(n, err)
	}
	carry(s, c, 1<<20)
	if n, err := s.Write(p[:1]); n != 1 || err != nil {
		t.Error(n, err)
	}
	for s.buf.Buffered() <= 10000+32<<10 { // as an Out that is not taken
		s.buf.Write(p)
	}
	if n, err := s.Read(p); n != 0 || err != asynctls.ErrWantWrite {
		t.Error(n, err)
	}
}

// An open connection that is idle holds no buffer, no job and no goroutine.
func TestIdle(t *testing.T) {
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	pool := newPool(t, 0)
	before := runtime.NumGoroutine()
	for range 50 {
		s, c := open(t, sc, cc, &asynctls.Options{Pool: pool})
		carry(s, c, 1<<20)
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != asynctls.ErrWantRead {
			t.Fatal(n, err)
		}
		for _, x := range []*side{s, c} {
			if x.buf.Buffered()+x.buf.Unread() > 0 || x.AsyncStatus() != 0 {
				t.Fatal("something is held")
			}
		}
	}
	if after := runtime.NumGoroutine(); after > before+2 { // the pool's
		t.Errorf("%d goroutines, %d before", after, before)
	}
}
