package multibuffer

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"testing"
	"testing/cryptotest"

	"asynccrypto/engine"
)

// A salt comes from crypto/rand's own reader or the operation is left to crypto/rsa.
func TestEncodePSSReader(t *testing.T) {
	for _, tt := range []struct {
		random io.Reader
		want   bool
	}{{rand.Reader, true}, {nil, false}, {new(bytes.Buffer), false}, {mine(nil), false}} {
		op := &engine.SignOp{Rand: tt.random, Digest: make([]byte, 32), Opts: &rsa.PSSOptions{Hash: crypto.SHA256}}
		if got := encode(make([]byte, 256), op); got != tt.want {
			t.Errorf("%T: encoded %v, want %v", tt.random, got, tt.want)
		}
	}
}

// mine is a reader that cannot be compared.
type mine func()

func (mine) Read([]byte) (int, error) { panic("mine") }

// With the same salt PSS gives what crypto/rsa gives, byte for byte.
func TestPSSIsCryptoRSAs(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	e, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.Signer(key())
	if err != nil {
		t.Fatal(err)
	}
	reader := rand.Reader // SetGlobalRandom replaces it, and decides the bytes that this one returns
	digest := make([]byte, 64)
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512_256, crypto.SHA3_384, crypto.SHA512} {
		for _, salt := range []int{rsa.PSSSaltLengthAuto, rsa.PSSSaltLengthEqualsHash, 1, 7, 256 - 2 - h.Size()} {
			opts := &rsa.PSSOptions{Hash: h, SaltLength: salt}
			cryptotest.SetGlobalRandom(t, uint64(salt))
			want, err := key().Sign(reader, digest[:h.Size()], opts)
			if err != nil {
				t.Fatal(err)
			}
			cryptotest.SetGlobalRandom(t, uint64(salt))
			if got, err := s.Sign(reader, digest[:h.Size()], opts); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, salt length %d: got %x, %v; want %x", h, salt, got, err, want)
			}
		}
	}
	if n := e.Stats().Vectorized; n != 25 {
		t.Errorf("%d operations went through the lanes, want 25", n)
	}
}
