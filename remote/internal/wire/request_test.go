package wire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fullRequest has a different value in each field.
func fullRequest() Request {
	return Request{
		ID: 0x0102030405060708, Op: OpSign, Key: KeyID{0: 0xaa, 31: 0xbb}, Hash: SHA256, Padding: PSS,
		Salt: 32, Timeout: 1500 * time.Millisecond, Hedge: 9, Data: bytes.Repeat([]byte{0xdd}, 32),
	}
}

func TestRequestRoundTrip(t *testing.T) {
	signName := fullRequest()
	signName.Key, signName.Name, signName.Message = KeyID{}, "wéb", true
	signName.Data = bytes.Repeat([]byte{1}, MaxData)
	longest := Request{ID: 1, Op: OpList, Context: strings.Repeat("c", MaxContext), Name: strings.Repeat("n", MaxName), Data: make([]byte, MaxName)}
	ed25519 := Request{ID: math.MaxUint64, Op: OpSign, Key: KeyID{1}, Hash: SHA512, Context: strings.Repeat("\xff", MaxContext), Data: make([]byte, 64)}
	for _, want := range []Request{
		fullRequest(), signName, longest, ed25519,
		{ID: 1, Op: OpPing, Data: []byte{}},
		{ID: 1, Op: OpList, Name: strings.Repeat("n", MaxName), Data: []byte("after")},
	} {
		if err := want.Check(); err != nil {
			t.Error(err)
		}
		frame, err := AppendRequest([]byte("before"), &want)
		if err != nil {
			t.Fatal(err)
		}
		body := frame[len("before")+4:]
		got := Request{Data: []byte("of an earlier request"), Message: true}
		if err := ParseRequest(body, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if len(body) > MaxRequest {
			t.Errorf("a body of %d bytes", len(body))
		}
	}
}

func TestRequestOverBounds(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"no number":    func(r *Request) { r.ID = 0 },
		"data":         func(r *Request) { r.Data = make([]byte, MaxData+1) },
		"context":      func(r *Request) { r.Context = strings.Repeat("c", MaxContext+1) },
		"name":         func(r *Request) { r.Name = strings.Repeat("n", MaxName+1) },
		"name's bytes": func(r *Request) { r.Name = "\xff" },
	} {
		r := fullRequest()
		change(&r)
		if b, err := AppendRequest([]byte("x"), &r); err == nil || string(b) != "x" {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		if r.Check() == nil {
			t.Errorf("%s: passed Check", name)
		}
	}
}

func TestCheckSign(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"operation 0":               func(r *Request) { r.Op = 0 },
		"operation of later":        func(r *Request) { r.Op = 4 },
		"no key":                    func(r *Request) { r.Key = KeyID{} },
		"key and name":              func(r *Request) { r.Name = "web" },
		"hash of later":             func(r *Request) { r.Hash = SHA3_512 + 1 },
		"padding of later":          func(r *Request) { r.Padding = PSS + 1 },
		"salt without PSS":          func(r *Request) { r.Padding = PKCS1 },
		"context with RSA":          func(r *Request) { r.Context = "c" },
		"PSS without a hash":        func(r *Request) { r.Hash = NoHash },
		"message and PKCS1 no hash": func(r *Request) { r.Hash, r.Padding, r.Salt, r.Message = NoHash, PKCS1, 0, true },
		"md5sha1 of a message":      func(r *Request) { r.Hash, r.Padding, r.Salt, r.Message = MD5SHA1, PKCS1, 0, true },
		"short digest":              func(r *Request) { r.Data = r.Data[1:] },
		"digest of another hash":    func(r *Request) { r.Hash = SHA384 },
		"no name to list after":     func(r *Request) { r.Op, r.Data = OpList, []byte{0xff} },
		"long name to list after":   func(r *Request) { r.Op, r.Data = OpList, make([]byte, MaxName+1) },
	} {
		r := fullRequest()
		change(&r)
		if r.Check() == nil {
			t.Errorf("%s: passed", name)
		}
	}
	for name, change := range map[string]func(*Request){
		"PSS":                  func(*Request) {},
		"message":              func(r *Request) { r.Message, r.Data = true, nil },
		"PKCS1 without a hash": func(r *Request) { r.Hash, r.Padding, r.Salt, r.Data = NoHash, PKCS1, 0, []byte("text") },
		"md5sha1":              func(r *Request) { r.Hash, r.Padding, r.Salt, r.Data = MD5SHA1, PKCS1, 0, make([]byte, 36) },
		"Ed25519":              func(r *Request) { r.Hash, r.Padding, r.Salt, r.Message = NoHash, NoPadding, 0, true },
	} {
		r := fullRequest()
		change(&r)
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedRequests(t *testing.T) {
	r := fullRequest()
	r.Context, r.Name = "context", "name"
	frame, err := AppendRequest(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	valid := frame[4:]
	for name, change := range map[string]func([]byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"short":             func(b []byte) []byte { return b[:requestLength-1] },
		"cut in the name":   func(b []byte) []byte { return b[:requestLength+len("contextnam")] },
		"number 0":          func(b []byte) []byte { return append(make([]byte, 8), b[8:]...) },
		"flag of later":     func(b []byte) []byte { b[11] = 2; return b },
		"name is not UTF-8": func(b []byte) []byte { b[requestLength+len("context")] = 0xff; return b },
		"data":              func(b []byte) []byte { return append(b, make([]byte, MaxData)...) },
	} {
		if err := ParseRequest(change(bytes.Clone(valid)), &r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]uint64{
		0: 0, -time.Hour: 1, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000,
		math.MaxInt64: uint64(math.MaxInt64/time.Millisecond) + 1,
	} {
		if got := Milliseconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
	r := fullRequest()
	r.Timeout = math.MaxInt64
	frame, err := AppendRequest(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	if err := ParseRequest(frame[4:], &r); err != nil || r.Timeout != math.MaxUint32*time.Millisecond {
		t.Errorf("the longest timeout arrives as %v, %v", r.Timeout, err)
	}
}

func FuzzParseRequest(f *testing.F) {
	r := fullRequest()
	r.Context, r.Name = "ctx", "web"
	seed, err := AppendRequest(nil, &r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[4:])
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		if ParseRequest(body, &r) != nil {
			return
		}
		_ = r.Check()
		again, err := AppendRequest(nil, &r)
		if err != nil || !bytes.Equal(again[4:], body) {
			t.Errorf("parsed and appended again: %x, %v", again, err)
		}
	})
}
