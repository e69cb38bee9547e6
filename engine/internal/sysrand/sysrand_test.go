package sysrand

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"testing"
)

// incomparable is a reader that panics when it is read or compared.
type incomparable func()

func (incomparable) Read([]byte) (int, error) { panic("read") }

func TestIs(t *testing.T) {
	if !Is(rand.Reader) || !InPlace() {
		t.Error("crypto/rand's reader is not recognized")
	}
	others := []io.Reader{nil, new(bytes.Buffer), cipher.StreamReader{}, &cipher.StreamReader{}, incomparable(nil)}
	for _, r := range others {
		if Is(r) || fromStandardLibrary(r) != nil {
			t.Errorf("%T passes for crypto/rand's reader", r)
		}
	}
}

// A program may replace crypto/rand's reader before or after this package sees it.
func TestIsWithAnotherReaderInPlace(t *testing.T) {
	system := rand.Reader
	defer func() { rand.Reader = system }()
	rand.Reader = incomparable(nil)
	if !Is(system) || Is(rand.Reader) || InPlace() {
		t.Error("replaced later: the wrong reader is recognized")
	}
	defer func(r io.Reader) { reader = r }(reader)
	reader = fromStandardLibrary(rand.Reader)
	for _, r := range []io.Reader{nil, rand.Reader, system} {
		if Is(r) {
			t.Errorf("replaced before: %T passes for crypto/rand's reader, which is not known", r)
		}
	}
}

// Ignored follows GODEBUG, also while the program runs, and agrees with crypto/ecdsa.
func TestIgnored(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"", "cryptocustomrand=1", "cryptocustomrand=0", "cryptocustomrand=1,panicnil=0", ""} {
		t.Setenv("GODEBUG", setting)
		for range 2 {
			var r witness
			if _, err := ecdsa.SignASN1(&r, key, make([]byte, 32)); err != nil {
				t.Fatal(err)
			}
			if Ignored() == r.read {
				t.Errorf("GODEBUG=%q: ignored: %v; crypto/ecdsa has read: %v", setting, Ignored(), r.read)
			}
		}
	}
}

func BenchmarkIgnored(b *testing.B) {
	for b.Loop() {
		Ignored()
	}
}
