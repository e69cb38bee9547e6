package ifma

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// Widths of the moduli that there are kernels for.
var widths = []int{1024, 1536, 2048, 3072, 4096}

// testField makes a field with a modulus of the given width in each lane: the extremes and random ones.
func testField(t testing.TB, width int, r *rand.Rand) (*field, [lanes]*big.Int) {
	t.Helper()
	y := layoutFor(digitsFor(width))
	f := &field{layout: y, mod: newVecs(y.size()), scratch: newVecs(scratchFor(y.d))}
	var n [lanes]*big.Int
	for l := range n {
		n[l] = randBits(r, width)
		n[l].SetBit(n[l], width-1, 1)
		switch r.IntN(8) {
		case 0: // all ones
			n[l].Sub(new(big.Int).Lsh(big.NewInt(1), uint(width)), big.NewInt(1))
		case 1: // as small as the width allows
			n[l].Lsh(big.NewInt(1), uint(width-1))
		case 2: // low digits that make the quotient digits all ones: n = 1 mod 2^104
			n[l].Rsh(n[l], 104).Lsh(n[l], 104)
		}
		n[l].SetBit(n[l], 0, 1)
		prepared := make([]uint64, y.size())
		y.prepare(prepared, words(n[l].Bytes(), width/64))
		f.setLane(l, prepared)
	}
	return f, n
}

func randBits(r *rand.Rand, width int) *big.Int {
	b := make([]byte, (width+7)/8)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return new(big.Int).SetBytes(b)
}

// operand chooses a number below limit that is likely to be awkward: 0, 1, n-1, multiples of n and their neighbours, the
// limit, all digits ones, digits that are all or nothing.
func operand(r *rand.Rand, n, limit *big.Int) *big.Int {
	x := new(big.Int)
	switch r.IntN(8) {
	case 0:
		x.SetInt64(int64(r.IntN(3)))
	case 1:
		x.Mul(n, big.NewInt(int64(r.IntN(4))))
		x.Add(x, big.NewInt(int64(r.IntN(3))-1))
	case 2:
		x.Sub(limit, big.NewInt(1+int64(r.IntN(2))))
	case 3:
		x.Lsh(big.NewInt(1), uint(r.IntN(limit.BitLen())))
		x.Sub(x, big.NewInt(int64(r.IntN(2))))
	case 4:
		for i := 0; i*digitBits < limit.BitLen(); i++ {
			if r.IntN(2) == 0 {
				x.Add(x, new(big.Int).Lsh(big.NewInt(digitMask), uint(i*digitBits)))
			}
		}
	default:
		x = randBits(r, limit.BitLen())
	}
	if x.Sign() < 0 || x.Cmp(limit) >= 0 {
		x.Mod(x, limit)
	}
	return x
}

func setBig(dst []vec, l int, x *big.Int) {
	setBytes(dst, l, x.FillBytes(make([]byte, (x.BitLen()+63)/64*8)))
}

func getBig(src []vec, l int) *big.Int {
	x := new(big.Int)
	for i := len(src) - 1; i >= 0; i-- {
		x.Lsh(x, digitBits).Add(x, new(big.Int).SetUint64(src[i][l]))
	}
	return x
}

// checkMul checks that got is a·b/R mod n, below 4n, in digits of 52 bits.
func checkMul(t *testing.T, y layout, what string, got []vec, l int, a, b, n *big.Int) {
	t.Helper()
	for i := range got {
		if got[i][l] > digitMask {
			t.Errorf("%s: lane %d, digit %d is %#x", what, l, i, got[i][l])
		}
	}
	x := getBig(got, l)
	if x.Cmp(new(big.Int).Lsh(n, 2)) >= 0 {
		t.Errorf("%s: lane %d is 4n or more", what, l)
	}
	x.Lsh(x, uint(y.d*digitBits)).Sub(x, new(big.Int).Mul(a, b))
	if x.Mod(x, n).Sign() != 0 {
		t.Errorf("%s: lane %d is wrong: a=%x b=%x n=%x", what, l, a, b, n)
	}
}

func TestMulAndSquare(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		for _, width := range widths {
			t.Run(fmt.Sprint(width), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(width)))
				for range 200 * 1024 / width {
					f, n := testField(t, width, r)
					d := f.d
					a, b, dst, twin := newVecs(d), newVecs(d), newVecs(d), newVecs(d)
					var an, bn [lanes]*big.Int
					for l := range lanes {
						// montgomeryWide makes up to 8n, and multiplies numbers of all digits by one below n.
						lim := new(big.Int).Lsh(n[l], 3)
						an[l], bn[l] = operand(r, n[l], lim), operand(r, n[l], lim)
						if r.IntN(8) == 0 {
							an[l] = operand(r, n[l], new(big.Int).Lsh(big.NewInt(1), uint(d*digitBits)))
							bn[l].Mod(bn[l], n[l])
						}
						setBig(a, l, an[l])
						setBig(b, l, bn[l])
					}
					f.mul(dst, a, b)
					mulTwin(f.layout, twin, a, b, f.mod)
					for l := range lanes {
						checkMul(t, f.layout, "mul", dst, l, an[l], bn[l], n[l])
					}
					compare(t, "mul", dst, twin)
					f.mul(b, b, b)
					f.sqr(a, a, 1)
					mulTwin(f.layout, twin, dst, dst, f.mod)
					f.sqr(dst, dst, 1)
					compare(t, "sqr", dst, twin)
					times := 1 + r.IntN(4)
					sqrTwin(f.layout, twin, b, f.mod, times)
					f.sqr(dst, b, times)
					compare(t, fmt.Sprint("sqr ", times, " times"), dst, twin)
					if t.Failed() {
						return
					}
				}
			})
		}
	})
}

func compare(t testing.TB, what string, got, want []vec) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: digit %d is %x, its twin's %x", what, i, got[i], want[i])
			return
		}
	}
}
