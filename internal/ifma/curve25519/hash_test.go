package curve25519

import (
	"bytes"
	"crypto/sha512"
	"math/big"
	"reflect"
	"testing"
	"unsafe"
)

// TestHashScalars compares with the standard library, at all lengths around the ends of blocks,
// in parts that are cut anywhere, and with long messages among short ones.
func TestHashScalars(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := newRand(18)
		w := workspace(t)
		for length := range 2*sha512.BlockSize + 4 {
			var messages [lanes]message
			for l := range messages {
				b := randomBytes(r, (length+l*37)%(2*sha512.BlockSize+4))
				if r.IntN(20) == 0 {
					b = randomBytes(r, longest-2+r.IntN(5))
				}
				for i := range messages[l] {
					n := r.IntN(len(b) + 1)
					if i == len(messages[l])-1 {
						n = len(b)
					}
					messages[l][i], b = b[:n], b[n:]
				}
			}
			live := uint8(r.Uint32())
			var got [lanes]words
			w.hashScalars(&got, &messages, live)
			for l, m := range messages {
				if live>>l&1 == 0 {
					if got[l] != (words{}) {
						t.Fatalf("lane %d is not live and has a result", l)
					}
					continue
				}
				sum := sha512.Sum512(bytes.Join(m[:], nil))
				for i := range len(sum) / 2 {
					sum[i], sum[len(sum)-1-i] = sum[len(sum)-1-i], sum[i]
				}
				want := new(big.Int).SetBytes(sum[:])
				if got[l].big().Cmp(want.Mod(want, order.big())) != 0 {
					t.Fatalf("wrong hash of %d bytes in lane %d", m.len(), l)
				}
			}
		}
	})
}

// TestHashIsWiped signs with a prefix that ends where a block of the hash does, and looks for its
// bytes in the memory of the standard library's hash.
func TestHashIsWiped(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		const filler = 0xa5
		w, b := workspace(t), newBatch(t, newRand(20))
		k := b.keys[0]
		for i := range k.prefix {
			k.prefix[i] = filler
			k.check[i] = ^k.prefix[i]
		}
		state := reflect.ValueOf(w.hash).Elem()
		memory := unsafe.Slice((*byte)(state.Addr().UnsafePointer()), state.Type().Size())
		initial := bytes.Clone(memory)
		for _, n := range []int{sha512.BlockSize - len(k.prefix), sha512.BlockSize - 1, sha512.BlockSize} {
			b.dom[0] = make([]byte, n)
			if w.Sign(&b.keys, &b.dom, &b.messages, &b.sigs, 1) != 1 {
				t.Fatal("not signed")
			}
			if !bytes.Equal(memory, initial) {
				t.Errorf("behind %d bytes the hash keeps %x", n, memory)
			}
		}
	})
}
