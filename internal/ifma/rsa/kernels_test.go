package rsa

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"asynccrypto/internal/ifma"
)

// inCI makes the tests repeat what they draw at random as often as it takes to meet everything. By
// default they do a part of it, to be over within seconds.
var inCI = os.Getenv("CI") == "true"

// rounds returns how often to repeat something: full in CI, a fifth of it by default.
func rounds(full int) int {
	if inCI {
		return full
	}
	return (full + 4) / 5
}

// widths are the widths of the moduli that have kernels.
var widths = []int{1024, 1536, 2048, 3072, 4096}

// testField makes a field with a modulus of the given width in each lane: the extremes and random
// ones.
func testField(t testing.TB, width int, r *rand.Rand) (*field, [lanes]*big.Int) {
	t.Helper()
	y := layoutFor(digitsFor(width))
	f := newField(y)
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

// newField makes a field with its words aligned.
func newField(y layout) *field {
	return &field{layout: y, mod: aligned(y.size(), y.alignMod()), scratch: aligned(scratchFor(y.d), alignScratch)}
}

// aligned is newVecs with an alignment.
func aligned(n, alignment int) []vec {
	a := arena{mem: ifma.NewVecs(n + 64)}
	return a.take(n, alignment)
}

func randBits(r *rand.Rand, width int) *big.Int {
	b := make([]byte, (width+7)/8)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return new(big.Int).SetBytes(b)
}

// operand chooses a number below limit that is likely to be awkward: 0, 1, n-1, multiples of n and
// their neighbours, the limit less one, all digits ones, digits that are all ones or zero.
func operand(r *rand.Rand, n, limit *big.Int) *big.Int {
	x := new(big.Int)
	switch r.IntN(8) {
	case 0:
		x.SetInt64(int64(r.IntN(3)))
	case 1:
		x.Mul(n, big.NewInt(int64(r.IntN(8))))
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

// most returns how many times the modulus a factor may be: 8, or 10 for 40 digits, which have more
// room above the modulus.
func most(width int) *big.Int {
	if width == 2048 {
		return big.NewInt(10)
	}
	return big.NewInt(8)
}

// checkMul checks that got is a·b/R mod n, below 4n, or 5n for 40 digits, in digits of 52 bits.
func checkMul(t *testing.T, y layout, what string, got []vec, l int, a, b, n *big.Int) {
	t.Helper()
	for i := range got {
		if got[i][l] > digitMask {
			t.Errorf("%s: lane %d, digit %d is %#x", what, l, i, got[i][l])
		}
	}
	x, times := getBig(got, l), int64(4)
	if y.d == 40 {
		times = 5
	}
	if x.Cmp(new(big.Int).Mul(n, big.NewInt(times))) >= 0 {
		t.Errorf("%s: lane %d is %dn or more", what, l, times)
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
				for range rounds(200 * 1024 / width) {
					f, n := testField(t, width, r)
					d := f.d
					a, b, dst, ref := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d)
					var an, bn [lanes]*big.Int
					for l := range lanes {
						// montgomeryWide makes up to 10n, and multiplies numbers of all digits by
						// one below n.
						lim := new(big.Int).Mul(n[l], most(width))
						an[l], bn[l] = operand(r, n[l], lim), operand(r, n[l], lim)
						if r.IntN(8) == 0 {
							an[l] = operand(r, n[l], new(big.Int).Lsh(big.NewInt(1), uint(d*digitBits)))
							bn[l].Mod(bn[l], n[l])
						}
						setBig(a, l, an[l])
						setBig(b, l, bn[l])
					}
					f.mul(dst, a, b)
					mulReference(f.layout, ref, a, b, f.mod)
					for l := range lanes {
						checkMul(t, f.layout, "mul", dst, l, an[l], bn[l], n[l])
					}
					compare(t, "mul", dst, ref)
					f.mul(b, b, b)
					f.sqr(a, a, 1)
					mulReference(f.layout, ref, dst, dst, f.mod)
					f.sqr(dst, dst, 1)
					compare(t, "sqr", dst, ref)
					times := 1 + r.IntN(4)
					sqrReference(f.layout, ref, b, f.mod, times)
					f.sqr(dst, b, times)
					compare(t, fmt.Sprint("sqr ", times, " times"), dst, ref)
					if t.Failed() {
						return
					}
				}
			})
		}
	})
}

// TestMulAdd compares the product that joins the halves with math/big.
func TestMulAdd(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		for _, width := range widths[:3] {
			r := rand.New(rand.NewPCG(19, uint64(width)))
			f := newField(layoutFor(digitsFor(width)))
			d := f.d
			a, b, c, dst := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(2*d)
			for range rounds(50) {
				var want [lanes]*big.Int
				for l := range lanes {
					limit := new(big.Int).Lsh(big.NewInt(1), uint(d*digitBits))
					var x [3]*big.Int
					for i, v := range [][]vec{a, b, c} {
						x[i] = operand(r, big.NewInt(3), limit)
						setBig(v, l, x[i])
					}
					want[l] = x[0].Mul(x[0], x[1])
					want[l].Add(want[l], x[2])
				}
				f.mulAdd(dst, a, b, c)
				for l := range lanes {
					if got := getBig(dst, l); got.Cmp(want[l]) != 0 {
						t.Fatalf("%d, lane %d: %x, want %x", width, l, got, want[l])
					}
				}
			}
		}
	})
}

// TestEdges multiplies every edge value by every other, modulo the moduli that make carries and
// quotient digits extreme. TestMulAndSquare meets these only by chance.
func TestEdges(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		for _, width := range widths {
			y := layoutFor(digitsFor(width))
			d := y.d
			f := newField(y)
			n := edgeModuli(width)
			var edges [lanes][]*big.Int
			for l := range n {
				prepared := make([]uint64, y.size())
				y.prepare(prepared, words(n[l].Bytes(), width/64))
				f.setLane(l, prepared)
				edges[l] = edgeOperands(n[l], d)
			}
			a, b, dst, ref := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d)
			for i := range edges[0] {
				for j := range edges[0] {
					if ifma.AllowReference && !inCI && (i+j)%4 != 0 && i != j {
						continue // slow
					}
					var an, bn [lanes]*big.Int
					for l := range lanes {
						an[l], bn[l] = edges[l][i], edges[l][j]
						if over := new(big.Int).Mul(n[l], most(width)); an[l].Cmp(over) >= 0 || bn[l].Cmp(over) >= 0 {
							// Numbers of all digits are only ever multiplied by one below n.
							bn[l] = new(big.Int).Mod(bn[l], n[l])
						}
						setBig(a, l, an[l])
						setBig(b, l, bn[l])
					}
					f.mul(dst, a, b)
					for l := range lanes {
						checkMul(t, y, fmt.Sprint(width, ": mul"), dst, l, an[l], bn[l], n[l])
					}
					if i != j || an[0].Cmp(bn[0]) != 0 {
						continue
					}
					f.sqr(dst, a, 1)
					for l := range lanes {
						checkMul(t, y, fmt.Sprint(width, ": sqr"), dst, l, an[l], an[l], n[l])
					}
					sqrReference(y, ref, a, f.mod, windowBits)
					f.sqr(dst, a, windowBits)
					compare(t, fmt.Sprint(width, ": sqr five times"), dst, ref)
				}
			}
		}
	})
}

// edgeModuli returns moduli that are odd and have their top bit set: the largest and the smallest,
// digits that are all ones or zero, and low digits for which -1/n mod 2^52, and with it the
// quotient digits, are extreme.
func edgeModuli(width int) (n [lanes]*big.Int) {
	one := big.NewInt(1)
	power := func(i int) *big.Int { return new(big.Int).Lsh(one, uint(i)) }
	top := power(width - 1)
	most := new(big.Int).Sub(power(width), one)
	half := new(big.Int).Sub(power(width/2), one)
	n[0] = most
	n[1] = new(big.Int).Add(top, one)
	n[2] = new(big.Int).Sub(most, power(digitBits)) // all ones but for a bit above the lowest digit
	n[3] = new(big.Int).Sub(most, big.NewInt(digitMask-1))
	n[4] = new(big.Int).Add(top, big.NewInt(digitMask))
	n[5] = new(big.Int).Add(top, half)
	n[6] = new(big.Int).Add(new(big.Int).Sub(most, half), one)
	n[7] = new(big.Int).Or(top, alternating(width))
	return n
}

// alternating returns a number in which every other digit is all ones, the lowest among them.
func alternating(width int) *big.Int {
	x := new(big.Int)
	for i := 0; i+digitBits <= width; i += 2 * digitBits {
		x.Or(x, new(big.Int).Lsh(big.NewInt(digitMask), uint(i)))
	}
	return x
}

// edgeOperands returns edge values that d digits can hold and a kernel may be given.
func edgeOperands(n *big.Int, d int) []*big.Int {
	one := big.NewInt(1)
	v := []*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(2), big.NewInt(digitMask)}
	for _, times := range []int64{1, 2, 3, 4, 5, 8, 10} {
		x := new(big.Int).Mul(n, big.NewInt(times))
		v = append(v, new(big.Int).Sub(x, one))
		if times < 8 {
			v = append(v, x, new(big.Int).Add(x, one))
		}
	}
	ones := new(big.Int).Lsh(one, uint(n.BitLen()))
	v = append(v, new(big.Int).Sub(ones, one), ones) // all ones, and one bit above the modulus
	all := new(big.Int).Lsh(one, uint(d*digitBits))
	return append(v, alternating(n.BitLen()), all.Sub(all, one))
}

func compare(t testing.TB, what string, got, want []vec) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: digit %d is %x, the reference's %x", what, i, got[i], want[i])
			return
		}
	}
}
