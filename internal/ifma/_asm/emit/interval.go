package emit

import (
	"fmt"
	"math/big"
)

// Interval is the integers from Lo to Hi.
type Interval struct{ Lo, Hi *big.Int }

// Int returns x as a big integer.
func Int(x int64) *big.Int { return big.NewInt(x) }

// Pow2 returns 2^n.
func Pow2(n int) *big.Int { return new(big.Int).Lsh(Int(1), uint(n)) }

// Sub returns x - y.
func Sub(x, y *big.Int) *big.Int { return new(big.Int).Sub(x, y) }

// Add returns the sum of the xs.
func Add(xs ...*big.Int) *big.Int {
	sum := new(big.Int)
	for _, x := range xs {
		sum.Add(sum, x)
	}
	return sum
}

// Times returns k·x.
func Times(k int64, x *big.Int) *big.Int { return new(big.Int).Mul(Int(k), x) }

// UpTo is the interval from 0 to hi.
func UpTo(hi *big.Int) Interval { return Interval{Int(0), hi} }

// Exactly is the interval of x alone.
func Exactly(x *big.Int) Interval { return Interval{x, x} }

// bits is the interval of the numbers of n bits.
func bits(n int) Interval { return UpTo(Sub(Pow2(n), Int(1))) }

func (a Interval) String() string {
	return fmt.Sprintf("[%s, %s]", short(a.Lo), short(a.Hi))
}

// short is x as a text, as a sum with a power of two if it is long.
func short(x *big.Int) string {
	if x.BitLen() < 40 {
		return x.String()
	}
	f, _ := new(big.Float).SetInt(x).Float64()
	return fmt.Sprintf("%.4g (%d bits)", f, x.BitLen())
}

func (a Interval) plus(b Interval) Interval { return Interval{Add(a.Lo, b.Lo), Add(a.Hi, b.Hi)} }

func (a Interval) minus(b Interval) Interval { return Interval{Sub(a.Lo, b.Hi), Sub(a.Hi, b.Lo)} }

func (a Interval) times(b Interval) Interval {
	var r Interval
	for i, p := range []*big.Int{a.Lo, a.Hi} {
		for j, q := range []*big.Int{b.Lo, b.Hi} {
			x := new(big.Int).Mul(p, q)
			if i+j == 0 {
				r = Exactly(x)
			}
			r = r.or(Exactly(x))
		}
	}
	return r
}

// square is the interval of the squares, never below 0.
func (a Interval) square() Interval {
	r := a.times(a)
	if r.Lo.Sign() < 0 {
		r.Lo = Int(0)
	}
	return r
}

func (a Interval) scale(k int64) Interval { return a.times(Exactly(Int(k))) }

// shl is a·2^n.
func (a Interval) shl(n int) Interval { return a.times(Exactly(Pow2(n))) }

// shr is a/2^n, rounded down.
func (a Interval) shr(n int) Interval {
	return Interval{new(big.Int).Rsh(a.Lo, uint(n)), new(big.Int).Rsh(a.Hi, uint(n))}
}

// inside is the integers x for which x·2^n is in a.
func (a Interval) inside(n int) Interval {
	lo := new(big.Int).Neg(a.Lo)
	return Interval{lo.Neg(lo.Rsh(lo, uint(n))), new(big.Int).Rsh(a.Hi, uint(n))}
}

func smaller(x, y *big.Int) *big.Int {
	if x.Cmp(y) < 0 {
		return x
	}
	return y
}

func larger(x, y *big.Int) *big.Int {
	if x.Cmp(y) > 0 {
		return x
	}
	return y
}

// or is the least interval that has all of a and b.
func (a Interval) or(b Interval) Interval { return Interval{smaller(a.Lo, b.Lo), larger(a.Hi, b.Hi)} }

// and is the numbers that are in both.
func (a Interval) and(b Interval) Interval { return Interval{larger(a.Lo, b.Lo), smaller(a.Hi, b.Hi)} }

func (a Interval) empty() bool { return a.Lo.Cmp(a.Hi) > 0 }

func (a Interval) in(b Interval) bool { return a.Lo.Cmp(b.Lo) >= 0 && a.Hi.Cmp(b.Hi) <= 0 }

func (a Interval) negative() bool { return a.Lo.Sign() < 0 }
