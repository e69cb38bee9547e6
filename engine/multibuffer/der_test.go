package multibuffer

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	mrand "math/rand/v2"
	"slices"
	"testing"
)

// parseByEncoding parses sig by trying: an encoding is valid if encoding its numbers again gives
// it. encoding/asn1 takes some that crypto/ecdsa does not, but writes only strict DER.
func parseByEncoding(sig []byte) (r, s *big.Int, ok bool) {
	var numbers struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &numbers); err != nil || len(rest) > 0 || numbers.R.Sign() < 0 || numbers.S.Sign() < 0 {
		return nil, nil, false
	}
	again, err := asn1.Marshal(numbers)
	return numbers.R, numbers.S, err == nil && bytes.Equal(again, sig)
}

func FuzzParseSignature(f *testing.F) {
	top := bytes.Repeat([]byte{0xff}, 32)
	for _, n := range [][2][]byte{{{1}, {2}}, {{0x80}, {0x7f}}, {{0}, {0}}, {top, top}, {make([]byte, 32), top}, {bytes.Repeat(top[:24], 2), {1}}} {
		f.Add(appendSignature(nil, n[0], n[1]))
	}
	for _, sig := range []string{"", "\x30", "\x30\x00", "\x30\x80\x02\x01\x01\x02\x01\x01\x00\x00",
		"\x30\x06\x02\x01\x01\x02\x01\x81", "\x30\x07\x02\x02\x00\x01\x02\x01\x01", "\x30\x81\x06\x02\x01\x01\x02\x01\x01",
		"\x30\x05\x02\x00\x02\x01\x01", "\x30\x06\x02\x01\x01\x02\x01\x01\x00", "\x30\x08\x02\x01\x01\x02\x01\x01\x05\x00"} {
		f.Add([]byte(sig))
	}
	f.Fuzz(func(t *testing.T, sig []byte) {
		wantR, wantS, want := parseByEncoding(sig)
		for _, size := range []int{32, 48} {
			r, s := bytes.Repeat([]byte{0xaa}, size), bytes.Repeat([]byte{0xaa}, size)
			ok := parseSignature(r, s, sig)
			fits := want && wantR.BitLen() <= 8*size && wantS.BitLen() <= 8*size
			if ok != fits {
				t.Fatalf("%x for %d bytes: parsed %v, want %v", sig, size, ok, fits)
			}
			if !ok {
				continue
			}
			if new(big.Int).SetBytes(r).Cmp(wantR) != 0 || new(big.Int).SetBytes(s).Cmp(wantS) != 0 {
				t.Fatalf("%x: parsed %x and %x, want %x and %x", sig, r, s, wantR, wantS)
			}
			if again := appendSignature(nil, r, s); !bytes.Equal(again, sig) {
				t.Fatalf("%x becomes %x", sig, again)
			}
		}
	})
}

// Changes of a few bytes reach every branch of the parser.
func TestParseChangedSignatures(t *testing.T) {
	random := mrand.New(mrand.NewPCG(1, 2))
	for range 20_000 {
		r, s := make([]byte, 32), make([]byte, 32)
		for i := range r {
			r[i], s[i] = byte(random.Uint32()), byte(random.Uint32())
		}
		sig := appendSignature(nil, r[random.IntN(32):], s[random.IntN(32):])
		for range random.IntN(4) {
			at := random.IntN(len(sig))
			switch random.IntN(4) {
			case 0:
				sig[at] = byte(random.Uint32())
			case 1:
				sig[min(at, random.IntN(8))]++
			case 2:
				sig = slices.Insert(sig, at, byte(0))
			case 3:
				sig = slices.Delete(sig, at, at+1)
			}
			if len(sig) == 0 {
				break
			}
		}
		wantR, wantS, want := parseByEncoding(sig)
		ok := parseSignature(r, s, sig)
		if fits := want && wantR.BitLen() <= 256 && wantS.BitLen() <= 256; ok != fits {
			t.Fatalf("%x: parsed %v, want %v", sig, ok, fits)
		}
		if ok && (new(big.Int).SetBytes(r).Cmp(wantR) != 0 || new(big.Int).SetBytes(s).Cmp(wantS) != 0) {
			t.Fatalf("%x: parsed %x and %x", sig, r, s)
		}
	}
}
