package multibuffer

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"slices"
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

// An encoding that was changed anywhere, then signed as it is, gets crypto/rsa's answer.
func TestVerifyPSSIsCryptoRSAs(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	const size = 128
	// spoil changes a part of em, before or after the mask is put on. It leaves some as they are.
	spoil := func(em []byte, hash crypto.Hash, length int) []byte {
		db := em[:size-hash.Size()-1]
		mask := func() { mgf1XOR(db, hash, em[len(db):size-1]); db[0] &= 0x7f }
		switch mrand.IntN(8) {
		case 0:
			em[mrand.IntN(size)] ^= 1 << mrand.IntN(8)
		case 1:
			em[0] |= 0x80
		case 2:
			em[size-1]++
		case 3:
			mask()
			db[mrand.IntN(len(db))] ^= 1 << mrand.IntN(2)
			mask()
		case 4:
			mask()
			db[len(db)-length-1] = byte(mrand.IntN(3))
			mask()
		case 5:
			mask()
			clear(db)
			mask()
		}
		return em
	}
	valid := 0
	for range 400 {
		hash := []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384}[mrand.IntN(3)]
		digest := make([]byte, hash.Size())
		rand.Read(digest)
		longest := size - hash.Size() - 2
		length := []int{0, 1, 20, hash.Size(), longest - 1, longest}[mrand.IntN(6)]
		length = min(length, longest)
		em := make([]byte, size)
		// Encoding cannot be asked for an empty salt, so that one is made by hand.
		if length > 0 {
			if !encodePSS(em, digest, &rsa.PSSOptions{Hash: hash, SaltLength: length}, rand.Reader) {
				t.Fatal("not encoded")
			}
		} else {
			h := hash.New()
			h.Write(make([]byte, 8))
			h.Write(digest)
			db := em[:size-hash.Size()-1]
			h.Sum(em[:len(db)])
			db[len(db)-1] = 1
			mgf1XOR(db, hash, em[len(db):size-1])
			db[0] &= 0x7f
			em[size-1] = 0xbc
		}
		em = spoil(em, hash, length)
		if em[0] >= key.N.Bytes()[0] {
			continue // not below the modulus, perhaps
		}
		sig := new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N).FillBytes(make([]byte, size))
		for _, asked := range []int{rsa.PSSSaltLengthAuto, rsa.PSSSaltLengthEqualsHash, length, length + 1, 1, longest, longest + 1, size, -2, 1 << 20} {
			opts := &rsa.PSSOptions{Hash: hash, SaltLength: asked}
			want := rsa.VerifyPSS(&key.PublicKey, hash, digest, sig, opts)
			if !canVerifyPSS(size, digest, opts) {
				if want == nil {
					t.Fatalf("%v, salt length %d is left to crypto/rsa, which takes it", hash, asked)
				}
				continue
			}
			if got := verifyPSS(slices.Clone(em), digest, opts); got != (want == nil) || want != nil && want != rsa.ErrVerification {
				t.Fatalf("%v, salt of %d bytes, %d asked for: %v, crypto/rsa says %v\n%x", hash, length, asked, got, want, em)
			}
			if want == nil {
				valid++
			}
		}
	}
	if valid < 100 {
		t.Errorf("only %d valid encodings", valid)
	}
}
