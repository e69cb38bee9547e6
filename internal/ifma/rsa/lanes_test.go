package rsa

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"
	"unsafe"

	"asynccrypto/internal/ifma"
)

func TestNewVecs(t *testing.T) {
	for n := 1; n < 70; n++ {
		v := ifma.NewVecs(n)
		if len(v) != n || cap(v) != n || uintptr(unsafe.Pointer(&v[0]))%4096 != 0 {
			t.Fatalf("ifma.NewVecs(%d): len %d, cap %d, at %p", n, len(v), cap(v), &v[0])
		}
		v[n-1][lanes-1] = 1
	}
}

func TestBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, width := range widths {
		v := ifma.NewVecs(digitsFor(width))
		for l := range lanes {
			x := operand(r, big.NewInt(3), new(big.Int).Lsh(big.NewInt(1), uint(width)))
			b := x.FillBytes(make([]byte, width/8))
			setBytes(v, l, b)
			if getBig(v, l).Cmp(x) != 0 {
				t.Errorf("setBytes(%x) is %x", b, getBig(v, l))
			}
			back := make([]byte, len(b))
			bytesOf(back, v, l)
			if !bytes.Equal(back, b) {
				t.Errorf("bytesOf is %x, want %x", back, b)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(10, 10))
		for range rounds(100) {
			f, n := testField(t, 1024, r)
			a, b, eq := ifma.NewVecs(f.d), ifma.NewVecs(f.d), ifma.NewVecs(f.d)
			var an, bn [lanes]*big.Int
			for l := range lanes {
				limit := new(big.Int).Lsh(n[l], 3)
				an[l], bn[l] = operand(r, n[l], limit), operand(r, n[l], limit)
				setBig(a, l, an[l])
				setBig(b, l, bn[l])
				setBig(eq, l, an[l])
			}
			lt, self, same, other := less(a, b), less(a, a), equal(a, eq), equal(a, b)
			canonical(eq, f.n())
			for l := range lanes {
				all := func(cond bool) uint64 {
					if cond {
						return ^uint64(0)
					}
					return 0
				}
				if lt[l] != all(an[l].Cmp(bn[l]) < 0) || self[l] != 0 {
					t.Errorf("less(%x, %x) = %x", an[l], bn[l], lt[l])
				}
				if same[l] != all(true) || other[l] != all(an[l].Cmp(bn[l]) == 0) {
					t.Errorf("equal(%x, %x) = %x", an[l], bn[l], other[l])
				}
				if want := new(big.Int).Mod(an[l], n[l]); getBig(eq, l).Cmp(want) != 0 {
					t.Errorf("canonical(%x) mod %x = %x", an[l], n[l], getBig(eq, l))
				}
			}
		}
	})
}

func TestMontgomeryWide(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 11))
		for _, width := range widths[:3] {
			for range rounds(20) {
				f, n := testField(t, width, r)
				x, dst, tmp, one := ifma.NewVecs(2*f.d), ifma.NewVecs(f.d), ifma.NewVecs(f.d), ifma.NewVecs(f.d)
				var xn [lanes]*big.Int
				for l := range lanes {
					xn[l] = operand(r, n[l], new(big.Int).Lsh(big.NewInt(1), uint(2*width)))
					setBig(x, l, xn[l])
					one[0][l] = 1
				}
				f.montgomeryWide(dst, x, tmp)
				f.mul(dst, dst, one)
				canonical(dst, f.n())
				for l := range lanes {
					if want := xn[l].Mod(xn[l], n[l]); getBig(dst, l).Cmp(want) != 0 {
						t.Errorf("lane %d: %x, want %x", l, getBig(dst, l), want)
					}
				}
			}
		}
	})
}

// TestRecombine takes residues at their limits, and primes in either order.
func TestRecombine(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(12, 12))
		for _, width := range widths[:3] {
			for range rounds(20) {
				f, p := testField(t, width, r)
				g, q := testField(t, width, r)
				d := f.d
				mp, mq, qinv, h, tmp, s := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(2*d)
				var mpn, mqn, inv [lanes]*big.Int
				for l := range lanes {
					mpn[l], mqn[l] = operand(r, p[l], p[l]), operand(r, q[l], q[l])
					inv[l] = new(big.Int).ModInverse(q[l], p[l])
					if inv[l] == nil {
						inv[l] = operand(r, p[l], p[l])
					}
					setBig(mp, l, mpn[l])
					setBig(mq, l, mqn[l])
					setBig(qinv, l, inv[l])
				}
				recombine(f, s, mp, mq, g.n(), qinv, h, tmp)
				for l := range lanes {
					want := new(big.Int).Sub(mpn[l], mqn[l])
					want.Mul(want, inv[l]).Mod(want, p[l]).Mul(want, q[l]).Add(want, mqn[l])
					if getBig(s, l).Cmp(want) != 0 {
						t.Errorf("lane %d: %x, want %x", l, getBig(s, l), want)
					}
				}
			}
		}
	})
}

func TestVerifierPower(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 13))
		for _, width := range widths[2:] {
			for round := range 6 {
				if ifma.AllowReference && !inCI && round > 1 {
					break // slow
				}
				f, n := testField(t, width, r)
				d := f.d
				v := verifier{ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d)}
				s := ifma.NewVecs(d)
				var e [lanes]uint32
				common := []uint32{3, 65537, 1<<32 - 1, 5, 257, 1<<31 + 1}[round]
				var sn [lanes]*big.Int
				for l := range lanes {
					sn[l] = operand(r, n[l], n[l])
					setBig(s, l, sn[l])
					e[l] = common
					switch {
					case r.IntN(4) == 0:
						e[l] = 0 // dead
					case round%2 == 1:
						e[l] = r.Uint32()>>r.IntN(30) | 3
					}
				}
				v.power(f, s, &e)
				for l := range lanes {
					if e[l] == 0 {
						continue
					}
					want := new(big.Int).Exp(sn[l], new(big.Int).SetUint64(uint64(e[l])), n[l])
					if getBig(v.acc, l).Cmp(want) != 0 {
						t.Errorf("%d: lane %d, e = %d: %x, want %x", width, l, e[l], getBig(v.acc, l), want)
					}
				}
			}
		}
	})
}
