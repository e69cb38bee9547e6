package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadFrame(t *testing.T) {
	long := bytes.Repeat([]byte{'l'}, 100)
	stream := append([]byte{0, 0, 0, 1, 'a', 0, 0, 0, 2, 'b', 'c', 0, 0, 0, 100}, long...)
	for name, in := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "by bytes": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		r := bufio.NewReaderSize(in, 16)
		for _, want := range [][]byte{[]byte("a"), []byte("bc"), long} {
			if body, err := ReadFrame(r, 100); err != nil || !bytes.Equal(body, want) {
				t.Errorf("%s: %q, %v, want %q", name, body, err, want)
			}
		}
		if _, err := ReadFrame(r, 100); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
	for n := range stream {
		r := bufio.NewReaderSize(bytes.NewReader(stream[:n]), 16)
		var err error
		for err == nil {
			_, err = ReadFrame(r, 100)
		}
		if want := map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF}[n == 0 || n == 5 || n == 11]; err != want {
			t.Errorf("cut to %d bytes: %v, want %v", n, err, want)
		}
	}
	for name, prefix := range map[string]string{"no body": "\x00\x00\x00\x00", "over the limit": "\x00\x00\x00\x65", "huge": "\xff\xff\xff\xff"} {
		if _, err := ReadFrame(bufio.NewReader(strings.NewReader(prefix+strings.Repeat("x", 200))), 100); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFrameBuffered(t *testing.T) {
	in, out := io.Pipe()
	r := bufio.NewReaderSize(in, 64)
	if FrameBuffered(r) {
		t.Error("an empty buffer has a frame")
	}
	go func() {
		out.Write([]byte("\x00\x00\x00\x01a\x00\x00\x00\x01b\x00\x00\x00\x02c"))
		out.Write([]byte("d"))
	}()
	a, err := ReadFrame(r, 10)
	if err != nil || !FrameBuffered(r) {
		t.Fatal("the second frame is not there:", err)
	}
	b, err := ReadFrame(r, 10)
	if err != nil || string(a)+string(b) != "ab" {
		t.Errorf("%q %q %v", a, b, err)
	}
	if FrameBuffered(r) {
		t.Error("half a frame is a frame")
	}
	if c, err := ReadFrame(r, 10); err != nil || string(c) != "cd" {
		t.Errorf("%q %v", c, err)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01a\x00\x00\x00\x30bcd"), 50)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		limit = min(max(limit, 1), MaxFrame)
		r := bufio.NewReaderSize(bytes.NewReader(stream), 32)
		for rest := stream; ; {
			body, err := ReadFrame(r, limit)
			if err != nil {
				return
			}
			if len(body) == 0 || len(body) > limit || !bytes.Equal(body, rest[4:4+len(body)]) {
				t.Fatalf("%x of %x", body, rest)
			}
			rest = rest[4+len(body):]
		}
	})
}
