package rsa

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

// TestExponentiation compares whole exponentiations with math/big: edge values for base and
// exponent, in the moduli that are hardest on carries, and exponents that ask for every power of
// the table.
func TestExponentiation(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 15))
		for _, width := range widths[:3] {
			y := layoutFor(digitsFor(width))
			d := y.d
			f := newField(y)
			n := edgeModuli(width)
			for l := range n {
				prepared := make([]uint64, y.size())
				y.prepare(prepared, words(n[l].Bytes(), width/64))
				f.setLane(l, prepared)
			}
			x := exponentiation{base: ifma.NewVecs(d), acc: ifma.NewVecs(d), table: ifma.NewVecs(d * tableSize), idx: ifma.NewVecs(1)}
			m, one, dst := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d)
			for l := range lanes {
				one[0][l] = 1
			}
			bases := func(n *big.Int) []*big.Int {
				less := func(i int64) *big.Int { return new(big.Int).Sub(n, big.NewInt(i)) }
				return []*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(2), less(1), less(2), operand(r, n, n)}
			}
			for i := range bases(n[0]) {
				for j := range exponents(r, width) {
					if ifma.AllowReference && (width > 1024 || (i+j)%6 != 0) || !inCI && (i+j)%3 != 0 {
						continue // slow: each base and each exponent once or twice, the reference in one width
					}
					var base, exp [lanes]*big.Int
					for l := range lanes {
						// A different exponent in each lane, so that they do not look up the same
						// power.
						all := exponents(r, width)
						base[l], exp[l] = bases(n[l])[i], all[(j+l)%len(all)]
						setBig(m, l, base[l])
						x.exp[l] = split(words(exp[l].Bytes(), width/64), width)
					}
					f.montgomery(x.base, m)
					x.run(f, one)
					f.mul(dst, x.acc, one)
					canonical(dst, f.n())
					for l := range lanes {
						if want := new(big.Int).Exp(base[l], exp[l], n[l]); getBig(dst, l).Cmp(want) != 0 {
							t.Errorf("%d, lane %d: %x^%x mod %x = %x, want %x", width, l, base[l], exp[l], n[l], getBig(dst, l), want)
						}
					}
				}
			}
		}
	})
}

// exponents are 0, 1, the largest, one bit at either end, every window in turn, and a random one.
func exponents(r *rand.Rand, width int) []*big.Int {
	one := big.NewInt(1)
	top := new(big.Int).Lsh(one, uint(width-1))
	turns := new(big.Int)
	for i := 0; i*windowBits+windowBits <= width; i++ {
		turns.Or(turns, new(big.Int).Lsh(big.NewInt(int64(i%tableSize)), uint(i*windowBits)))
	}
	most := new(big.Int).Lsh(one, uint(width))
	return []*big.Int{big.NewInt(0), one, top, most.Sub(most, one), turns, new(big.Int).Add(top, one), randBits(r, width)}
}
