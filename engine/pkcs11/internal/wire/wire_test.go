package wire

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// What a Writer writes, a Reader reads.
func TestValues(t *testing.T) {
	var w Writer
	w.Request(7, GetAttributeValue)
	w.Byte(200)
	w.Uint32(1 << 31)
	w.Ulong(1 << 63)
	w.String("")
	w.Uint32(None)
	w.Array([]byte("array"))
	w.Length(9)
	w.Ulongs([]uint64{3, 4})
	attrs := []ck.Attribute{{Type: ck.AttrClass, Number: 3}, {Type: ck.AttrSign, Bool: true}, {Type: ck.AttrID, Bytes: []byte("id")}}
	w.Attributes(attrs)
	w.End()
	w.Request(8, GetSlotList)
	w.End()

	s := NewStream(iotest.OneByteReader(bytes.NewReader(w.Bytes())))
	serial, r, err := s.Next()
	if err != nil || serial != 7 || r.Request() != GetAttributeValue {
		t.Fatal(serial, err)
	}
	if r.Byte() != 200 || r.Uint32() != 1<<31 || r.Ulong() != 1<<63 {
		t.Error("numbers")
	}
	if p := r.String(); p == nil || len(p) != 0 {
		t.Errorf("empty string: %v", p)
	}
	if p := r.String(); p != nil {
		t.Errorf("absent string: %v", p)
	}
	if p, n, ok := r.Array(); string(p) != "array" || n != 5 || !ok {
		t.Error(p, n, ok)
	}
	if p, n, ok := r.Array(); p != nil || n != 9 || ok {
		t.Error(p, n, ok)
	}
	if v, n, ok := r.Ulongs(); len(v) != 2 || v[1] != 4 || n != 2 || !ok {
		t.Error(v, n, ok)
	}
	if n := r.Attributes(); n != len(attrs) {
		t.Fatal(n)
	}
	for _, want := range attrs {
		a, _, ok := r.Attribute()
		if !ok || a.Type != want.Type || a.Number != want.Number || a.Bool != want.Bool || !bytes.Equal(a.Bytes, want.Bytes) {
			t.Error(a, ok)
		}
	}
	if r.Err() != nil || r.Byte() != 0 || r.Err() == nil {
		t.Error("the end")
	}
	if serial, r, err = s.Next(); err != nil || serial != 8 || r.Request() != GetSlotList || r.Err() != nil {
		t.Error(serial, err)
	}
	if _, _, err = s.Next(); err != io.EOF {
		t.Error(err)
	}
}

// A Writer that moves to more memory wipes the old.
func TestWriterWipes(t *testing.T) {
	var w Writer
	w.String("secret")
	old := w.b[:cap(w.b)]
	w.Array(make([]byte, cap(w.b)))
	if &old[0] == &w.b[0] || bytes.Contains(old, []byte("secret")) {
		t.Error("the old memory keeps the secret")
	}
	last := w.b
	w.Wipe()
	if len(w.Bytes()) != 0 || bytes.Contains(last, []byte("secret")) {
		t.Error("Wipe leaves the secret")
	}
}

// A Stream that moves a message to the front of its memory, or to more, wipes where it was.
func TestStreamWipes(t *testing.T) {
	for _, more := range []int{3000, 9000} {
		var w Writer
		for range 2 {
			w.Request(1, GetSlotList)
			w.String("secret")
			w.Array(make([]byte, more))
			w.String("secret")
			w.End()
		}
		s := NewStream(bytes.NewReader(w.Bytes()))
		all := [][]byte{s.b}
		for range 2 {
			if _, _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
			all = append(all, s.b)
		}
		s.Wipe()
		for _, b := range all {
			if bytes.Contains(b, []byte("secret")) {
				t.Errorf("%d bytes: the memory keeps the secret", more)
			}
		}
	}
}
