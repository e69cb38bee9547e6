package pbwire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

// throughProto is in, marshaled and unmarshaled.
func throughProto[M any, P interface {
	*M
	proto.Message
}](t testing.TB, in P) P {
	t.Helper()
	b, err := proto.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := P(new(M))
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHello(t *testing.T) {
	want := wire.Hello{Min: 1, Max: 2, MaxFrame: 3, InFlight: 4}
	if got := FromHello(throughProto(t, ToHello(want))); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := FromHello(&keyserverpb.Hello{MinVersion: 1 << 16, MaxVersion: math.MaxUint32}); got.Min != math.MaxUint16 || got.Max != math.MaxUint16 {
		t.Errorf("large versions become %+v", got)
	}
	if got := FromHello(nil); got != (wire.Hello{}) {
		t.Errorf("no hello becomes %+v", got)
	}
}

func TestRequests(t *testing.T) {
	for _, want := range []wire.Request{
		{ID: 1, Op: wire.OpSign, Key: wire.KeyID{1, 31: 2}, Hash: wire.SHA256, Padding: wire.PSS, Salt: 32, Timeout: 5 * time.Millisecond, Hedge: 7, Data: make([]byte, 32)},
		{ID: 2, Op: wire.OpSign, Name: "web", Message: true, Context: "any \xff bytes", Data: []byte("message")},
		{ID: 3, Op: wire.OpSign, Name: "web", Message: true, Data: []byte{}},
		{ID: 4, Op: wire.OpSign, Name: "web", Padding: wire.PKCS1, Data: []byte{}},
		{ID: 5, Op: wire.OpList, Data: []byte("after")},
		{ID: math.MaxUint64, Op: wire.OpList, Name: "web", Data: []byte{}},
		{ID: 6, Op: wire.OpPing},
	} {
		if err := want.Check(); err != nil {
			t.Error(err)
		}
		got := wire.Request{ID: 99, Message: true, Data: []byte("of an earlier request")}
		if err := FromRequest(throughProto(t, ToRequest(&want)), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	noData := wire.Request{ID: 1, Op: wire.OpSign, Name: "web", Message: true}
	var got wire.Request
	if err := FromRequest(throughProto(t, ToRequest(&noData)), &got); err != nil || !got.Message {
		t.Errorf("the empty message as nil: %+v, %v", got, err)
	}
	if r := (wire.Request{ID: 1, Op: wire.OpPing, Timeout: -1}); ToRequest(&r).GetTimeoutMs() != 1 {
		t.Error("a timeout that has passed becomes none")
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	sign := func(change func(*keyserverpb.Request)) *keyserverpb.Request {
		p := &keyserverpb.Request{Id: 1, Operation: keyserverpb.Operation_OPERATION_SIGN, KeyName: "web", Message: []byte("m")}
		change(p)
		return p
	}
	for name, p := range map[string]*keyserverpb.Request{
		"short key":          sign(func(p *keyserverpb.Request) { p.Key = make([]byte, 31) }),
		"long salt":          sign(func(p *keyserverpb.Request) { p.SaltLength = 1 << 16 }),
		"digest and message": sign(func(p *keyserverpb.Request) { p.Digest = make([]byte, 32) }),
		"neither":            sign(func(p *keyserverpb.Request) { p.Message = nil }),
	} {
		var r wire.Request
		if err := FromRequest(p, &r); err == nil || r.ID != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for name, p := range map[string]*keyserverpb.Request{
		"nothing":          {},
		"operation":        sign(func(p *keyserverpb.Request) { p.Operation = 257 }), // 1, if cut to a byte
		"negative":         sign(func(p *keyserverpb.Request) { p.Operation = -255 }),
		"hash":             sign(func(p *keyserverpb.Request) { p.Hash = 256 + 3 }),
		"padding":          sign(func(p *keyserverpb.Request) { p.Padding = 256 }),
		"name and key":     sign(func(p *keyserverpb.Request) { p.Key = bytes.Repeat([]byte{1}, 32) }),
		"too much context": sign(func(p *keyserverpb.Request) { p.Context = make([]byte, 256) }),
	} {
		var r wire.Request
		if err := FromRequest(p, &r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r.Check() == nil {
			t.Errorf("%s: passed Check", name)
		}
	}
	var r wire.Request
	long := &keyserverpb.Request{Id: 1, TimeoutMs: math.MaxUint64}
	if err := FromRequest(long, &r); err != nil || r.Timeout < 290*365*24*time.Hour {
		t.Errorf("the longest timeout becomes %v, %v", r.Timeout, err)
	}
}

func TestAnswers(t *testing.T) {
	var list []byte
	for _, k := range []wire.Key{{Name: "a", SPKI: []byte("spki"), Rules: []string{"sign"}}, {Name: "b", SPKI: []byte("b")}} {
		var err error
		if list, err = wire.AppendKey(list, k); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		op   wire.Op
		want wire.Answer
	}{
		{wire.OpSign, wire.Answer{ID: 1, Data: []byte("signature")}},
		{wire.OpPing, wire.Answer{ID: 2}},
		{wire.OpList, wire.Answer{ID: 3, Data: list}},
		{wire.OpList, wire.Answer{ID: 4}},
		{wire.OpSign, wire.Answer{ID: 5, Status: wire.Denied, Text: "no"}},
		{wire.OpSign, wire.Answer{ID: 6, Status: 200, Text: "of a later version"}},
	} {
		p, err := ToAnswer(c.op, &c.want)
		if err != nil {
			t.Fatal(err)
		}
		got := wire.Answer{Data: []byte("earlier"), Text: "earlier"}
		if err := FromAnswer(throughProto(t, p), &got); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v, %v, want %+v", got, err, c.want)
		}
	}
	p, err := ToAnswer(wire.OpSign, &wire.Answer{ID: 1, Status: wire.Failed, Text: "\xff" + strings.Repeat("x", 2*wire.MaxText)})
	if err != nil {
		t.Fatal(err)
	}
	if text := throughProto(t, p).GetText(); len(text) != wire.MaxText || text[0] != '?' {
		t.Errorf("a text that is too long and not UTF-8 becomes %d bytes, %q...", len(text), text[:1])
	}
	var a wire.Answer
	if err := FromAnswer(&keyserverpb.Answer{Id: 1, Status: 256, Text: "\x1b[0m"}, &a); err != nil || a.Status == wire.OK || a.Text != "?[0m" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestMalformedAnswers(t *testing.T) {
	if _, err := ToAnswer(wire.OpList, &wire.Answer{ID: 1, Data: []byte{1}}); err == nil {
		t.Error("half a key is a list")
	}
	for name, p := range map[string]*keyserverpb.Answer{
		"nothing":   {},
		"long key":  {Id: 1, Keys: []*keyserverpb.Key{{PublicKey: make([]byte, wire.MaxSPKI+1)}}},
		"long name": {Id: 1, Keys: []*keyserverpb.Key{{Name: strings.Repeat("n", wire.MaxName+1)}}},
	} {
		if err := FromAnswer(p, new(wire.Answer)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzFromRequest(f *testing.F) {
	r := wire.Request{ID: 1, Op: wire.OpSign, Key: wire.KeyID{1}, Hash: wire.SHA256, Padding: wire.PSS, Data: make([]byte, 32)}
	seed, err := proto.Marshal(ToRequest(&r))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		var p keyserverpb.Request
		var r, again wire.Request
		if proto.Unmarshal(b, &p) != nil || FromRequest(&p, &r) != nil || r.Check() != nil {
			return
		}
		// A request that passes means the same in both forms.
		frame, err := wire.AppendRequest(nil, &r)
		if err != nil {
			t.Fatalf("passed Check, but: %v", err)
		}
		if err := wire.ParseRequest(frame[4:], &again); err != nil {
			t.Fatal(err)
		}
		if err := FromRequest(throughProto(t, ToRequest(&again)), &again); err != nil {
			t.Fatal(err)
		}
		r.Timeout = min(r.Timeout, math.MaxUint32*time.Millisecond)
		if r.Op == wire.OpPing {
			r.Data, r.Message = nil, false
		}
		if !bytes.Equal(r.Data, again.Data) {
			t.Errorf("data %x, again %x", r.Data, again.Data)
		}
		r.Data, again.Data = nil, nil
		if !reflect.DeepEqual(r, again) {
			t.Errorf("%+v, again %+v", r, again)
		}
	})
}

func FuzzFromAnswer(f *testing.F) {
	for _, p := range []*keyserverpb.Answer{
		{Id: 1, Signature: []byte("signature")},
		{Id: 1, Keys: []*keyserverpb.Key{{Name: "web", PublicKey: []byte("spki"), Allowed: []string{"sign"}}}},
		{Id: 1, Status: keyserverpb.Status_STATUS_DENIED, Text: "no"},
	} {
		seed, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p keyserverpb.Answer
		var a, again wire.Answer
		if proto.Unmarshal(b, &p) != nil || FromAnswer(&p, &a) != nil {
			return
		}
		op := wire.OpSign
		if len(p.GetKeys()) > 0 {
			op = wire.OpList
			if a.Status == wire.OK {
				if keys, err := wire.ParseKeys(a.Data); err != nil || len(keys) != len(p.GetKeys()) {
					t.Fatalf("%d keys became %d, %v", len(p.GetKeys()), len(keys), err)
				}
			}
		}
		q, err := ToAnswer(op, &a)
		if err != nil {
			t.Fatal(err)
		}
		if err := FromAnswer(throughProto(t, q), &again); err != nil || again.Status != a.Status || again.Text != a.Text || op == wire.OpSign && !bytes.Equal(again.Data, a.Data) {
			t.Errorf("%+v, again %+v, %v", a, again, err)
		}
	})
}
