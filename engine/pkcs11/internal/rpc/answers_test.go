package rpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/rpc"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// canned is a connection with prepared answers: the version, the answer to C_Initialize, and more.
type canned struct {
	bytes.Reader
	closed bool
}

func newCanned(version byte, more ...[]byte) *canned {
	var w wire.Writer
	w.Response(1, wire.Initialize)
	w.End()
	all := append([]byte{version}, w.Bytes()...)
	for _, p := range more {
		all = append(all, p...)
	}
	c := new(canned)
	c.Reset(all)
	return c
}

func (c *canned) Write(p []byte) (int, error) { return len(p), nil }

func (c *canned) Close() error {
	c.closed = true
	return nil
}

// response returns an answer to the second request.
func response(call wire.Call, results func(*wire.Writer)) []byte {
	var w wire.Writer
	w.Response(2, call)
	results(&w)
	w.End()
	return w.Bytes()
}

// Answers that make no sense end the connection.
func TestMalformed(t *testing.T) {
	list := func(f func(*wire.Writer)) []byte { return response(wire.GetSlotList, f) }
	for name, answer := range map[string][]byte{
		"another call":     response(wire.GetMechanismList, func(w *wire.Writer) { w.Ulongs(nil) }),
		"no results":       list(func(*wire.Writer) {}),
		"fewer than said":  list(func(w *wire.Writer) { w.Byte(1); w.Uint32(2); w.Ulong(1) }),
		"too many":         list(func(w *wire.Writer) { w.Byte(1); w.Uint32(0xffffffff) }),
		"too many to come": list(func(w *wire.Writer) { w.Length(1 << 30) }),
		"error without":    response(wire.Failed, func(*wire.Writer) {}),
		"error to another": append([]byte{0, 0, 0, 9}, response(wire.Failed, func(w *wire.Writer) { w.Ulong(5) })[4:]...),
		"error 0":          response(wire.Failed, func(w *wire.Writer) { w.Ulong(0) }),
		"another request":  append([]byte{0, 0, 0, 9}, list(func(w *wire.Writer) { w.Ulongs(nil) })[4:]...),
		"too long":         {0, 0, 0, 2, 0, 0, 0, 0, 0, 0x10, 0, 1},
		"overflow":         {0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"cut short":        {0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 1},
		"no types":         {0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4},
		"nothing":          {},
	} {
		rw := newCanned(2, answer)
		c, err := rpc.NewConn(rw, rpc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Slots()
		var e ck.Error
		if err == nil || errors.As(err, &e) || !rw.closed {
			t.Errorf("%s: %v, closed: %v", name, err, rw.closed)
		}
		if name == "too long" && !strings.Contains(err.Error(), "are more than 1048576") {
			t.Errorf("%s: %v", name, err)
		}
	}
	rw := newCanned(3)
	if _, err := rpc.NewConn(rw, rpc.Options{}); err == nil || !rw.closed {
		t.Errorf("a newer version than asked for: %v", err)
	}
}

// Any answers: no panic, no endless loop, and no more memory than a message has.
func FuzzAnswers(f *testing.F) {
	calls := []func(ck.Conn) error{
		func(c ck.Conn) error { _, err := c.Slots(); return err },
		func(c ck.Conn) error { _, err := c.SlotInfo(1); return err },
		func(c ck.Conn) error { _, err := c.TokenInfo(1); return err },
		func(c ck.Conn) error { _, err := c.Mechanisms(1); return err },
		func(c ck.Conn) error { _, err := c.OpenSession(1); return err },
		func(c ck.Conn) error { return c.CloseSession(1) },
		func(c ck.Conn) error { return c.Login(1, []byte("1234")) },
		func(c ck.Conn) error { _, err := c.Find(1, []ck.Attribute{{Type: ck.AttrLabel}}, 3); return err },
		func(c ck.Conn) error {
			_, err := c.Attributes(1, rsaKey, []uint64{ck.AttrClass, ck.AttrSign, ck.AttrModulus, ck.AttrECPoint})
			return err
		},
		func(c ck.Conn) error {
			_, err := c.Sign(1, ck.Mechanism{Type: ck.MechEdDSA}, edKey, make([]byte, 32), []byte("1234"))
			return err
		},
		func(c ck.Conn) error {
			_, err := c.Decrypt(1, ck.Mechanism{Type: ck.MechRSAPKCS}, rsaKey, make([]byte, 256), nil)
			return err
		},
	}
	// The seeds are the answers of the fake token.
	for i, call := range calls {
		var received *recorder
		c, err := rpc.Dial(f.Context(), func(ctx context.Context) (io.ReadWriteCloser, error) {
			rw, err := newModule().Connect(ctx)
			received = new(recorder)
			return struct {
				io.Reader
				io.Writer
				io.Closer
			}{received.reader(rw), rw, rw}, err
		}, rpc.Options{})
		if err != nil {
			f.Fatal(err)
		}
		if i > 5 { // these need a session; it is one request more, so the serial numbers are set back
			if _, err := c.OpenSession(1); err != nil {
				f.Fatal(err)
			}
		}
		if i > 8 {
			if err := c.Login(1, []byte("1234")); err != nil {
				f.Fatal(err)
			}
		}
		received.copies = nil
		call(c)
		c.Close()
		answers := bytes.Join(received.copies, nil)
		for p, serial := answers, uint32(2); len(p) > 12; serial++ {
			binary.BigEndian.PutUint32(p, serial)
			p = p[12+binary.BigEndian.Uint32(p[8:]):]
		}
		f.Add(byte(i), answers)
	}
	f.Fuzz(func(t *testing.T, which byte, answers []byte) {
		rw := newCanned(which>>6, answers)
		c, err := rpc.NewConn(rw, rpc.Options{})
		if which>>6 > 2 {
			if err == nil {
				t.Fatal("a version that this side did not offer")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		err = calls[int(which&63)%len(calls)](c)
		var e ck.Error
		if lost := err != nil && !errors.As(err, &e); lost != rw.closed {
			t.Fatalf("%v, closed: %v", err, rw.closed)
		}
		c.Close()
	})
}

// endless answers each pair of C_SignInit and C_Sign.
type endless struct {
	canned
	serial uint32
	pair   []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.Len() == 0 {
		second := len(e.pair) - 12 - int(binary.BigEndian.Uint32(e.pair[8:]))
		binary.BigEndian.PutUint32(e.pair, e.serial)
		binary.BigEndian.PutUint32(e.pair[len(e.pair)-second:], e.serial+1)
		e.serial += 2
		e.Reset(e.pair)
	}
	return e.canned.Read(p)
}

func newEndless() *endless {
	var w wire.Writer
	w.Response(0, wire.SignInit)
	w.End()
	w.Response(0, wire.Sign)
	w.Array(make([]byte, 64))
	w.End()
	return &endless{canned: *newCanned(2), serial: 2, pair: w.Bytes()}
}

var ecdsaSign = ck.Mechanism{Type: ck.MechECDSA}

// A signature allocates itself, and the readers of its two answers.
func TestSignAllocates(t *testing.T) {
	c, err := rpc.NewConn(newEndless(), rpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	digest := make([]byte, 32)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Sign(1, ecdsaSign, 1, digest, nil); err != nil {
			t.Fatal(err)
		}
	}); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSign(b *testing.B) {
	c, err := rpc.NewConn(newEndless(), rpc.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	digest := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Sign(1, ecdsaSign, 1, digest, nil); err != nil {
			b.Fatal(err)
		}
	}
}
