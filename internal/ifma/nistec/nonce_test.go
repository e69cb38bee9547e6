package nistec

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// nonces6979 yields the candidates of RFC 6979, section 3.2, computed as it is written there.
func nonces6979(n *big.Int, newHash func() hash.Hash, d, digest []byte) func() *big.Int {
	size := len(d)
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(newHash, key)
		h.Write(slices.Concat(parts...))
		return h.Sum(nil)
	}
	e := new(big.Int).SetBytes(digest[:min(len(digest), size)])
	h1 := e.Mod(e, n).FillBytes(make([]byte, size))
	k, v := make([]byte, newHash().Size()), bytes.Repeat([]byte{1}, newHash().Size())
	k = mac(k, v, []byte{0}, d, h1)
	v = mac(k, v)
	k = mac(k, v, []byte{1}, d, h1)
	v = mac(k, v)
	return func() *big.Int {
		var t []byte
		for len(t) < size {
			v = mac(k, v)
			t = append(t, v...)
		}
		x := new(big.Int).SetBytes(t[:size])
		k = mac(k, v, []byte{0})
		v = mac(k, v)
		return x
	}
}

// TestRejection has an order that is so small that most candidates are out of range.
func TestRejection(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	everyCurve(t, func(t *testing.T, c testCurve) {
		n := new(big.Int).Lsh(big.NewInt(1), uint(8*c.size-2))
		n.Sub(n, big.NewInt(19))
		small := &Curve{size: c.size, n: &modulus{big: n, bytes: c.bytes(n)}}
		rejected := 0
		for range 100 {
			k := &PrivateKey{c: small, d: c.bytes(randomBelow(r, n))}
			for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
				digest := make([]byte, hash.Size())
				for i := range digest {
					digest[i] = byte(r.Uint32()) >> 2 // below n, or bits2octets would have to reduce twice
				}
				got := make([]byte, c.size)
				if err := k.DeterministicNonce(got, hash, digest); err != nil {
					t.Fatal(err)
				}
				next := nonces6979(n, hash.New, k.d, digest)
				want := next()
				for want.Sign() == 0 || want.Cmp(n) >= 0 {
					want = next()
					rejected++
				}
				if !bytes.Equal(got, c.bytes(want)) {
					t.Fatalf("%v: %x, want %x", hash, got, want)
				}
			}
			got := make([]byte, c.size)
			if err := k.HedgedNonce(got, k.d); err != nil {
				t.Fatal(err)
			}
			if x := new(big.Int).SetBytes(got); x.Sign() == 0 || x.Cmp(n) >= 0 {
				t.Fatalf("the nonce %x is out of range", got)
			}
			// The same in lanes.
			w := &Workspace{c: small, hashes: new(hashLanes)}
			var nonces, digests [MaxBatch][]byte
			var keys [MaxBatch]*PrivateKey
			for l := range MaxBatch {
				nonces[l], digests[l], keys[l] = make([]byte, c.size), c.bytes(big.NewInt(int64(l))), k
			}
			if ok := w.DeterministicNonces(&nonces, &keys, &digests, 0xff); ok != 0xff {
				t.Fatalf("ok = %08b", ok)
			}
			for l := range MaxBatch {
				if k.DeterministicNonce(got, crypto.SHA256, digests[l]); !bytes.Equal(nonces[l], got) {
					t.Fatalf("lane %d: %x, want %x", l, nonces[l], got)
				}
			}
			if ok := w.HedgedNonces(&nonces, &keys, &digests, 0xff); ok != 0xff {
				t.Fatalf("ok = %08b", ok)
			}
			for l := range MaxBatch {
				if x := new(big.Int).SetBytes(nonces[l]); x.Sign() == 0 || x.Cmp(n) >= 0 {
					t.Fatalf("the nonce %x is out of range", nonces[l])
				}
			}
		}
		if rejected == 0 {
			t.Error("nothing was rejected")
		}
	})
}

// hedged is the nonce that HedgedNonce documents.
func hedged(c testCurve, k *PrivateKey, digest, entropy []byte) []byte {
	h := sha512.New()
	if c.size == 32 {
		h = sha256.New()
	}
	h.Write(slices.Concat(k.d, entropy, digest[:min(len(digest), c.size)]))
	return h.Sum(nil)[:c.size]
}

func TestHedgedNonce(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		k := keysOf[c.name]()[0].priv
		digest, entropy := make([]byte, 32), make([]byte, entropySize)
		for _, size := range []int{0, 20, 64, 1000} {
			digest := make([]byte, size)
			got := make([]byte, c.size)
			if want := hedged(c, k, digest, entropy); !k.hedgedNonce(got, digest, entropy) || !bytes.Equal(got, want) {
				t.Errorf("hash of %d bytes: %x, want %x", size, got, want)
			}
		}
		seen := make(map[string]bool)
		for range 1000 {
			got := make([]byte, c.size)
			if err := k.HedgedNonce(got, digest); err != nil {
				t.Fatal(err)
			}
			if seen[string(got)] {
				t.Fatal("a nonce came twice")
			}
			seen[string(got)] = true
		}
		for _, size := range []int{0, c.size - 1, c.size + 1} {
			nonce := make([]byte, size)
			if k.HedgedNonce(nonce, digest) == nil || k.DeterministicNonce(nonce, crypto.SHA256, digest) == nil {
				t.Errorf("a nonce of %d bytes is filled", size)
			}
		}
		for _, hash := range []crypto.Hash{0, crypto.MD4} {
			if k.DeterministicNonce(make([]byte, c.size), hash, digest) == nil {
				t.Errorf("the hash function %d, which is not there, is taken", hash)
			}
		}
	})
}

func TestIsNonce(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		for _, x := range []*big.Int{new(big.Int), c.n.big, new(big.Int).Lsh(big.NewInt(1), uint(8*c.size))} {
			for i := int64(-300); i <= 300; i++ {
				y := new(big.Int).Add(x, big.NewInt(i))
				if y.Sign() < 0 || y.BitLen() > 8*c.size {
					continue
				}
				if want := y.Sign() > 0 && y.Cmp(c.n.big) < 0; c.isNonce(c.bytes(y)) != want {
					t.Errorf("isNonce(%x) = %t", y, !want)
				}
			}
		}
	})
}

// TestNoncesInLanes compares nonces that are drawn together with those that are drawn alone, for
// any lanes, hashes of several lengths, and lanes that draw none.
func TestNoncesInLanes(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		r := rand.New(rand.NewPCG(19, 20))
		w, b := workspace(t, c.Curve), newBatch(t, c)
		wiped := *b.privs[0]
		wiped.c = nil
		other := testCurves()[0]
		if c.size == 32 {
			other = testCurves()[1]
		}
		foreign := keysOf[other.name]()[0].priv
		seen := make(map[string]bool)
		for range rounds(200) {
			var nonces [MaxBatch][]byte
			keys := b.privs
			live, want := uint8(r.Uint32()), uint8(0)
			for l := range MaxBatch {
				nonces[l] = make([]byte, c.size)
				b.hashes[l] = make([]byte, []int{0, 20, 32, 48, 64, 1000}[r.IntN(6)])
				for i := range b.hashes[l] {
					b.hashes[l][i] = byte(r.Uint32())
					if l == 0 { // a hash of n or more is reduced
						b.hashes[l][i] = 0xff
					}
				}
				switch r.IntN(20) {
				case 0:
					keys[l] = nil
				case 1:
					keys[l] = &wiped
				case 2:
					keys[l] = foreign
				case 3:
					nonces[l] = nonces[l][1:]
				default:
					want |= live & (1 << l)
				}
			}
			check := func(name string, ok uint8) {
				t.Helper()
				if ok != want {
					t.Fatalf("%s, lanes %08b: ok = %08b, want %08b", name, live, ok, want)
				}
				for l := range MaxBatch {
					if zero := bytes.Equal(nonces[l], make([]byte, len(nonces[l]))); zero == (ok>>l&1 == 1) {
						t.Fatalf("%s, lanes %08b, ok = %08b: the nonce of lane %d is %x", name, live, ok, l, nonces[l])
					}
				}
				if *w.hashes != (hashLanes{}) {
					t.Fatalf("%s leaves secrets in the memory of the hashes", name)
				}
			}
			check("DeterministicNonces", w.DeterministicNonces(&nonces, &keys, &b.hashes, live))
			for l := range MaxBatch {
				if want>>l&1 == 1 {
					alone := make([]byte, c.size)
					if err := keys[l].DeterministicNonce(alone, crypto.SHA256, b.hashes[l]); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(nonces[l], alone) {
						t.Fatalf("lane %d of %08b: %x, want %x", l, live, nonces[l], alone)
					}
				}
				clear(nonces[l])
			}
			check("HedgedNonces", w.HedgedNonces(&nonces, &keys, &b.hashes, live))
			for l := range MaxBatch {
				if want>>l&1 == 1 && seen[string(nonces[l])] {
					t.Fatal("a nonce came twice")
				}
				seen[string(nonces[l])] = want>>l&1 == 1
			}
		}
	})
}

// TestHashedNonces compares hedged nonces in lanes, for random bytes that are known, with the hash
// that HedgedNonce documents.
func TestHashedNonces(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		if c.size != hashSize {
			return
		}
		r := rand.New(rand.NewPCG(21, 22))
		h := new(hashLanes)
		for range rounds(100) {
			var want [MaxBatch][]byte
			for l := range MaxBatch {
				k := keysOf[c.name]()[l].priv
				digest, entropy := make([]byte, r.IntN(40)), make([]byte, entropySize)
				for _, b := range [][]byte{digest, entropy} {
					for i := range b {
						b[i] = byte(r.Uint32())
					}
				}
				want[l] = hedged(c, k, digest, entropy)
				setBlocks(&h.message, l, k.appendHedged(nil, digest, entropy), 0)
			}
			h.hedged()
			for l := range MaxBatch {
				got := make([]byte, hashSize)
				if h.v.bytesOf(got, l); !bytes.Equal(got, want[l]) {
					t.Fatalf("lane %d: %x, want %x", l, got, want[l])
				}
			}
		}
	})
}
