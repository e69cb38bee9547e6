// Package nistec generates the kernels of P-256 and P-384.
package nistec

import (
	"fmt"
	"math/big"
	"os"

	"github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// modulus is a number m with its reduction: products are x·y/R modulo m, with R =
// 2^(52·digits).
type modulus struct {
	digits int
	m      *big.Int
	// begin prepares the columns of a product for the steps that follow.
	begin func(a *emit.Accumulator)
	// step adds a multiple of m that makes column i a multiple of 2^52, and takes that column
	// away.
	step func(s *emit.Stream, a *emit.Accumulator, i int)
	// A fold makes a number smaller: the bits of the highest digit from bit topBits on are
	// worth the sum of the powers modulo m. Without powers the digits have room enough to do
	// without.
	topBits int
	powers  []emit.Power
}

// shaping is the steps between the columns of a product and the number that is stored, in this
// order.
type shaping struct {
	scale  int          // 0 is 1
	from   bool         // subtracted from a multiple of m that is not less
	negate bool         // in the lanes of a mask
	plus   *emit.Number // added
	minus  []term       // subtracted, and a multiple of m is added that keeps the rest above 0
	fold   bool         // made smaller, if the modulus has powers
	finish emit.Finish  // how it is stored
	lanes  reg.Register // of negate
}

type term struct {
	times int
	x     *emit.Number
}

func (f *modulus) end(a *emit.Accumulator, dst *emit.Number, p shaping) {
	if p.scale > 1 {
		a.Scale(p.scale)
	}
	if p.from {
		a.SubtractFrom(f.notLess(a))
	}
	if p.negate {
		a.NegateIn(p.lanes)
	}
	if p.plus != nil {
		a.Add(p.plus, 1)
	}
	for _, t := range p.minus {
		a.Add(t.x, -t.times)
	}
	fold := p.fold && f.powers != nil
	if least := a.Value().Lo; least.Sign() < 0 {
		times := new(big.Int).Neg(least)
		times.Add(times, emit.Sub(f.m, emit.Int(1))).Div(times, f.m)
		lift := int64(0)
		if fold {
			lift = 4
		}
		a.AddConstant(f.multiple(times), f.digits, lift)
	}
	if fold {
		a.Fold(f.topBits, f.powers...)
	}
	a.Store(dst, p.finish)
}

// notLess is the least multiple of m that is never less than a.
func (f *modulus) notLess(a *emit.Accumulator) *emit.Number {
	times := new(big.Int).Add(a.Value().Hi, emit.Sub(f.m, emit.Int(1)))
	return emit.ConstantNumber(f.digits, f.multiple(times.Div(times, f.m)))
}

// multiple is times·m.
func (f *modulus) multiple(times *big.Int) *big.Int {
	if emit.Report {
		fmt.Fprintf(os.Stderr, "  %v times the modulus, for a difference\n", times)
	}
	return new(big.Int).Mul(times, f.m)
}

// mul is dst = x·y/R.
func (f *modulus) mul(k *emit.Kernel, dst, x, y *emit.Number, p shaping) {
	f.products(k, dst, p, [2]*emit.Number{x, y})
}

// products is the sum of some products, divided by R. One reduction serves all.
func (f *modulus) products(k *emit.Kernel, dst *emit.Number, p shaping, pairs ...[2]*emit.Number) {
	s := k.Stream()
	a := s.Accumulator()
	f.begin(a)
	if f.digits == 5 {
		a.AddProducts(nil, pairs...)
		for i := range f.digits {
			f.step(s, a, i)
		}
	} else {
		// The columns of two products do not fit into the registers, so each ends early.
		a.AddProducts(func(i int) { f.step(s, a, i) }, pairs...)
	}
	a.Divide(f.digits)
	f.end(a, dst, p)
}

// square is x²/R.
func (f *modulus) square(s *emit.Stream, x *emit.Number) *emit.Accumulator {
	a := s.Accumulator()
	f.begin(a)
	a.AddSquare(x)
	for i := range f.digits {
		f.step(s, a, i)
	}
	a.Divide(f.digits)
	return a
}

// sqr is dst = x²/R.
func (f *modulus) sqr(k *emit.Kernel, dst, x *emit.Number, p shaping) {
	f.end(f.square(k.Stream(), x), dst, p)
}

// sqrTwice is dst = x²/R + plus - 2y, where plus may be nil, and rest = y - dst. It computes
// rest from the columns of dst, so rest does not wait for the carries of dst.
func (f *modulus) sqrTwice(k *emit.Kernel, dst, rest, x, plus, y *emit.Number, finish emit.Finish) {
	a := f.square(k.Stream(), x)
	if plus != nil {
		a.Add(plus, 1)
	}
	a.Add(y, -2)
	b := a.From(f.notLess(a))
	b.Add(y, 1)
	f.end(b, rest, raw)
	f.end(a, dst, shaping{fold: true, finish: finish})
}

// sum is dst = x + y - z, where y and z may be nil.
func (f *modulus) sum(k *emit.Kernel, dst, x, y, z *emit.Number, finish emit.Finish) {
	s := k.Stream()
	a := s.Sum(x)
	if y != nil {
		a.Add(y, 1)
	}
	p := shaping{finish: finish}
	if z != nil {
		p.minus = []term{{1, z}}
	}
	f.end(a, dst, p)
}

// minus is dst = -scale·x.
func (f *modulus) minus(k *emit.Kernel, dst, x *emit.Number, scale int, finish emit.Finish) {
	s := k.Stream()
	f.end(s.Sum(x), dst, shaping{scale: scale, from: true, finish: finish})
}

// at is factor·2^(52·column).
func at(column int, factor int64) emit.Term { return emit.Term{Column: column, Factor: factor} }

func hex(s string) *big.Int {
	x, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return x
}

// p256 is the prime of P-256, 2^256 - 2^224 + 2^192 + 2^96 - 1. It is -1 modulo 2^52, so the
// digit to be taken away is the number of times that p must be added for it, and p + 1 has
// three digits that are not 0.
func p256() *modulus {
	return &modulus{
		digits: 5,
		m:      hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
		begin:  func(*emit.Accumulator) {},
		step: func(s *emit.Stream, a *emit.Accumulator, i int) {
			// 2^96 + 2^192 + 2^256 - 2^224
			a.Reduce(i, at(i+1, 1<<44), at(i+3, 1<<36), at(i+4, 1<<48-1<<16))
		},
		topBits: 48,
		powers: []emit.Power{ // 1 - 2^96 - 2^192 + 2^224
			{Sign: 1, Column: 0, Shift: 0}, {Sign: -1, Column: 1, Shift: 44},
			{Sign: -1, Column: 3, Shift: 36}, {Sign: 1, Column: 4, Shift: 16},
		},
	}
}

// p384 is the prime of P-384, 2^384 - 2^128 - 2^96 + 2^32 - 1. It is 2^32 - 1 modulo 2^52, and
// p·(2^32 + 1) is -1. So all steps but the last add multiples of q = p·(2^32 + 1), where the
// digit is the number of times, and
//
//	q + 1 = 2^416 + 2^384 - 2^160 - 2^129 - 2^96 + 2^64.
//
// q is 2^32 times as large as p, so the last step adds p, for the result to be small.
//
// The columns begin with the numbers by which [emit.Accumulator.Reduce] adds too much for the
// negative terms.
func p384() *modulus {
	const last = 7
	f := &modulus{
		digits: 8,
		m:      hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff"),
	}
	// times is the terms by which the digit is multiplied.
	times := func(i int) []emit.Term {
		if i == last { // 2^32 - 2^96 - 2^128 + 2^384
			return []emit.Term{at(i, 1<<32), at(i+1, -1<<44), at(i+2, -1<<24), at(i+7, 1<<20)}
		}
		// 2^64 - 2^96 - 2^129 - 2^160 + 2^384 + 2^416
		return []emit.Term{at(i+1, 1<<12-1<<44), at(i+2, -1<<25), at(i+3, -1<<4), at(i+7, 1<<20), at(i+8, 1)}
	}
	f.begin = func(a *emit.Accumulator) {
		for i := range f.digits {
			a.InitTimes(times(i)...)
		}
	}
	f.step = func(s *emit.Stream, a *emit.Accumulator, i int) {
		if i < last {
			a.Reduce(i, times(i)...)
			return
		}
		m := s.TimesLow(a.Low(i), 1<<32+1)
		a.AddTimes(m, times(i)...)
		s.Free(m)
		s.Free(a.Take(i)) // it is m, and -1 is the term of p that is left
	}
	return f
}

// order is the order of a curve's group, or any odd modulus. All steps but the last add
// multiples of q = m·c with c = -1/m modulo 2^52, and the last one of m.
func order(digits int, m *big.Int) *modulus {
	c := new(big.Int).ModInverse(m, emit.Pow2(emit.DigitBits))
	c.Sub(emit.Pow2(emit.DigitBits), c)
	q := new(big.Int).Mul(m, c)
	above := q.Add(q, emit.Int(1)).Rsh(q, emit.DigitBits)
	digit := func(x *big.Int, i int) int64 {
		d := new(big.Int).Rsh(x, uint(emit.DigitBits*i))
		return d.And(d, emit.Sub(emit.Pow2(emit.DigitBits), emit.Int(1))).Int64()
	}
	return &modulus{
		digits: digits,
		m:      m,
		begin:  func(*emit.Accumulator) {},
		step: func(s *emit.Stream, a *emit.Accumulator, i int) {
			var terms []emit.Term
			if i < digits-1 {
				for j := range digits {
					terms = append(terms, at(i+1+j, digit(above, j)))
				}
				a.Reduce(i, terms...)
				return
			}
			for j := range digits {
				terms = append(terms, at(i+j, digit(m, j)))
			}
			t := s.TimesLow(a.Low(i), c.Uint64())
			a.AddTimes(t, terms...)
			s.Free(t)
			a.Drop(i)
		},
	}
}
