package nistec

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"math/big"
	mathrand "math/rand/v2"
	"sync"
	"testing"

	"asynccrypto/internal/ifma"
)

// results gives b room for signatures, filled with something.
func (b *batch) results(c testCurve) {
	for l := range MaxBatch {
		b.r[l], b.s[l] = bytes.Repeat([]byte{1}, c.size), bytes.Repeat([]byte{1}, c.size)
	}
}

// signed fails the test unless w signs the first n lanes, and the standard library finds all the
// signatures valid.
func (b *batch) signed(t *testing.T, c testCurve, w *Workspace, n int) {
	t.Helper()
	b.results(c)
	if ok := w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, n); ok != uint8(1<<n-1) {
		t.Fatalf("%d lanes: ok = %08b", n, ok)
	}
	for l := range n {
		if !b.stdVerify(l) {
			t.Fatalf("lane %d of %d: crypto/ecdsa finds the signature invalid", l, n)
		}
		if !bytes.Equal(b.nonces[l], make([]byte, c.size)) {
			t.Fatalf("lane %d of %d: the nonce is left", l, n)
		}
	}
}

func TestSignHedged(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		w := workspace(t, c.Curve)
		b := newBatch(t, c)
		times := rounds(10)
		if ifma.AllowReference {
			times = 1
		}
		seen := make(map[string]bool)
		for range times {
			for n := range MaxBatch + 1 {
				b.drawNonces(t)
				b.signed(t, c, w, n)
				for l := range n {
					if seen[string(b.r[l])] {
						t.Fatal("one nonce served twice")
					}
					seen[string(b.r[l])] = true
				}
			}
		}
	})
}

// TestSignDeterministic compares signatures with those of the standard library, byte for byte, for
// all hash functions of RFC 6979 and some lengths of batches.
func TestSignDeterministic(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		r := mathrand.New(mathrand.NewPCG(6, 6))
		w := workspace(t, c.Curve)
		b := newBatch(t, c)
		for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA512_256, crypto.SHA3_256} {
			times := rounds(3)
			if ifma.AllowReference {
				times = 1
			}
			for range times {
				n := 1 + r.IntN(MaxBatch)
				for l := range n {
					b.hashes[l] = make([]byte, hash.Size())
					for i := range b.hashes[l] {
						b.hashes[l][i] = byte(r.Uint32())
					}
					if r.IntN(3) == 0 { // a hash of n or more is reduced
						for i := range b.hashes[l] {
							b.hashes[l][i] = 0xff
						}
					}
					if err := b.privs[l].DeterministicNonce(b.nonces[l], hash, b.hashes[l]); err != nil {
						t.Fatal(err)
					}
				}
				b.signed(t, c, w, n)
				for l := range n {
					der, err := b.keys[l].std.Sign(nil, b.hashes[l], hash)
					if err != nil {
						t.Fatal(err)
					}
					var want struct{ R, S *big.Int }
					if _, err := asn1.Unmarshal(der, &want); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(b.r[l], c.bytes(want.R)) || !bytes.Equal(b.s[l], c.bytes(want.S)) {
						t.Fatalf("%v, lane %d of %d: the signature is not crypto/ecdsa's", hash, l, n)
					}
				}
			}
		}
	})
}

// TestSignRefusals has lanes that cannot be signed among others that can.
func TestSignRefusals(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		w := workspace(t, c.Curve)
		other := testCurves()[0]
		if c.size == 32 {
			other = testCurves()[1]
		}
		b := newBatch(t, c)
		wiped := prepare(c, b.keys[2].std).priv
		wiped.Wipe()
		if !bytes.Equal(wiped.d, make([]byte, c.size)) || wiped.mon[0] != (vec{}) {
			t.Error("Wipe leaves something")
		}
		nonce := make([]byte, c.size)
		if wiped.HedgedNonce(nonce, nil) == nil || wiped.DeterministicNonce(nonce, crypto.SHA256, nil) == nil {
			t.Error("a wiped key gives nonces")
		}
		b.privs[0], b.privs[1], b.privs[2] = nil, keysOf[other.name]()[1].priv, wiped
		zero, order := make([]byte, c.size), c.bytes(c.n.big)
		for n := -1; n <= MaxBatch+1; n++ {
			b.results(c)
			for l := range b.nonces {
				b.nonces[l] = c.bytes(big.NewInt(int64(l + 2)))
			}
			b.nonces[3], b.nonces[4], b.nonces[5] = order, zero, zero[1:]
			b.r[6] = b.r[6][1:]
			all := uint8(1<<max(0, min(n, MaxBatch)) - 1)
			if ok := w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, n); ok != 0b10000000&all {
				t.Errorf("n = %d: ok = %08b", n, ok)
			}
			for l := range max(0, min(n, MaxBatch)) {
				if l == 7 {
					continue
				}
				for _, x := range [][]byte{b.r[l], b.s[l], b.nonces[l]} {
					if !bytes.Equal(x, make([]byte, len(x))) {
						t.Errorf("n = %d: lane %d was refused and leaves something", n, l)
					}
				}
			}
			order = c.bytes(c.n.big)
		}
	})
}

// TestSharedNonce has one nonce for several lanes.
func TestSharedNonce(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		w, b := workspace(t, c.Curve), newBatch(t, c)
		b.drawNonces(t)
		b.nonces[3], b.nonces[6] = b.nonces[1], b.nonces[1]
		if ok := w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, MaxBatch); ok != 0b10110111 {
			t.Errorf("ok = %08b", ok)
		}
	})
}

func TestNewPrivateKey(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		k, other := keysOf[c.name]()[0], keysOf[c.name]()[1]
		d, n := c.bytes(k.d), c.n.big
		negative := c.bytes(new(big.Int).Sub(n, k.d)) // has the same x
		base := preparePublic(t, c, c.std.Params().Gx, c.std.Params().Gy)
		for _, bad := range []struct {
			d   []byte
			pub *PublicKey
		}{
			{d, nil}, {d, other.pub}, {c.bytes(other.d), k.pub}, {negative, k.pub}, {d[1:], k.pub}, {nil, k.pub},
			{c.bytes(new(big.Int)), k.pub}, {c.bytes(n), k.pub}, {append([]byte{0}, d...), k.pub},
			{c.bytes(new(big.Int).Add(n, big.NewInt(1))), base.pub},
		} {
			if _, err := c.NewPrivateKey(bad.d, bad.pub); err == nil {
				t.Errorf("%x is taken", bad.d)
			}
		}
		for _, small := range []int64{1, 2, 3} {
			for _, d := range []*big.Int{big.NewInt(small), new(big.Int).Sub(n, big.NewInt(small))} {
				std, err := ecdsa.ParseRawPrivateKey(c.std, c.bytes(d))
				if err != nil {
					t.Fatal(err)
				}
				prepare(c, std)
			}
		}
	})
}

// TestSignSmall has the ends of the ranges of nonces and keys.
func TestSignSmall(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		w := workspace(t, c.Curve)
		n := c.n.big
		var ends []*big.Int
		for i := int64(1); i <= 4; i++ {
			ends = append(ends, big.NewInt(i), new(big.Int).Sub(n, big.NewInt(i)))
		}
		for i := range len(ends) {
			b := newBatch(t, c)
			for l := range MaxBatch {
				std, err := ecdsa.ParseRawPrivateKey(c.std, c.bytes(ends[l]))
				if err != nil {
					t.Fatal(err)
				}
				b.keys[l] = prepare(c, std)
				b.privs[l] = b.keys[l].priv
				b.nonces[l] = c.bytes(ends[(l+i)%len(ends)])
			}
			b.signed(t, c, w, MaxBatch)
		}
	})
}

// TestConcurrent has workspaces that share keys.
func TestConcurrent(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				w, b := workspace(t, c.Curve), newBatch(t, c)
				for range rounds(3) {
					b.drawNonces(t)
					b.results(c)
					if ok := w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, MaxBatch); ok != 255 {
						t.Errorf("ok = %08b", ok)
					}
					for kind, verify := range b.kinds(w) {
						if valid, redo := verify(MaxBatch); valid != 255 || redo != 0 {
							t.Errorf("%s: valid = %08b, redo = %08b", kind, valid, redo)
						}
					}
					if _, err := c.NewPublicKey(b.points[0].X, b.points[0].Y, false); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// TestAllocations shows that batches and nonces allocate nothing.
func TestAllocations(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the race detector may be on, under which crypto/rand allocates")
	}
	everyCurve(t, func(t *testing.T, c testCurve) {
		w, b := workspace(t, c.Curve), newBatch(t, c)
		for name, run := range map[string]func(){
			"Verify":    func() { w.Verify(&b.pubs, &b.hashes, &b.r, &b.s, MaxBatch) },
			"one":       func() { w.Verify(&b.pubs, &b.hashes, &b.r, &b.s, 1) },
			"VerifyAny": func() { w.VerifyAny(&b.points, &b.hashes, &b.r, &b.s, MaxBatch) },
			"hedged":    func() { b.drawNonces(t); w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, MaxBatch) },
			"RFC 6979": func() {
				for l, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
					b.privs[l].DeterministicNonce(b.nonces[l], hash, b.hashes[l])
				}
				w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, 3)
			},
		} {
			if n := testing.AllocsPerRun(5, run); n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	})
}

// TestWiped shows that nothing is left in a workspace's memory that a nonce or key could be found
// from. The verification that ends Sign leaves public numbers.
func TestWiped(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		w, b := workspace(t, c.Curve), newBatch(t, c)
		for n := 1; n <= MaxBatch; n++ {
			b.drawNonces(t)
			secrets := make(map[uint64]string)
			note := func(name string, v []vec) {
				for i := range v {
					// The highest digit of P-384 has 20 bits. Another number may have the same by chance.
					if x := v[i][0]; x>>(digitBits/2) != 0 {
						secrets[x] = name
					}
				}
			}
			noteBytes := func(name string, x []byte) {
				v := make([]vec, c.digits)
				setBytes(v, 0, x)
				note(name, v)
			}
			for l := range n {
				noteBytes("nonce", b.nonces[l])
				noteBytes("key", b.privs[l].d)
				note("key", b.privs[l].mon)
			}
			b.results(c)
			w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, n)
			for i := range w.mem {
				for l := range lanes {
					if name := secrets[w.mem[i][l]]; name != "" {
						t.Fatalf("%d lanes: a digit of a %s is left", n, name)
					}
				}
			}
		}
	})
}
