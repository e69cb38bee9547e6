// Package curve25519 generates the kernels of the package of that name.
//
//	field.go   multiplication modulo 2^255 - 19
//	point.go   sums of points of edwards25519
//	ladder.go  the ladder of X25519
//	table.go   entries of tables, in all lanes
//	recode.go  scalars as signed digits
//	sha512.go  SHA-512
package curve25519

import (
	. "github.com/mmcloughlin/avo/build"

	"asynccrypto/internal/ifma/_asm/emit"
)

const (
	lanes  = 8
	digits = 5
)

// Kernels generates the kernels.
func Kernels() {
	mul()
	sqr()
	double()
	addAffine()
	add()
	cache()
	ladder()
	fetch()
	spread()
	gather()
	lookup()
	recode()
	sha512()
	emit.Constants()
}

// reduced is the bounds of all numbers that kernels take and return.
var reduced = emit.Below(digits, emit.Add(emit.Pow2(255), emit.Pow2(216)))

// multiple returns k·p in digits of which none is below that of a reduced number where k is 2, or
// of the sum of two of them where k is 4. So no digit becomes negative when they are subtracted.
func multiple(k int64) *emit.Number {
	const mask = 1<<emit.DigitBits - 1
	return emit.ConstantDigits(k*(mask-18), k*mask, k*mask, k*mask, k*(1<<47-1))
}

// How a number is stored: with all digits below 2^52; as a factor only, with the bits above them;
// or kept as it is in the lanes that an addition skips.
var (
	whole = emit.Finish{}
	raw   = emit.Finish{Raw: true}
	keep  = emit.Finish{Keep: skipped}
)

// product is x·y in five columns.
func product(k *emit.Kernel, x, y *emit.Number) *emit.Accumulator {
	s := k.Stream()
	a := s.Accumulator()
	a.AddProduct(x, y)
	return folded(s, a)
}

// square is x² in five columns.
func square(k *emit.Kernel, x *emit.Number) *emit.Accumulator {
	s := k.Stream()
	a := s.Accumulator()
	a.AddSquare(x)
	return folded(s, a)
}

// folded takes away the digits from 2^260 on, which is 608 modulo p.
func folded(s *emit.Stream, a *emit.Accumulator) *emit.Accumulator {
	for i := digits; i < 2*digits; i++ {
		fold(s, a, i)
	}
	fold(s, a, digits) // what the highest of them has left there: 0 where both factors are reduced
	return a
}

func fold(s *emit.Stream, a *emit.Accumulator, i int) {
	w := a.Take(i)
	a.MulAddConstant(w, 608, i-digits)
	s.Free(w)
}

// reduce stores a product, or a small sum or multiple of one. 2^255 is 19 modulo p.
func reduce(a *emit.Accumulator, dst *emit.Number, f emit.Finish) {
	a.FoldTimes(47, 19)
	a.Store(dst, f)
}

// difference stores x - y + 2p.
func difference(k *emit.Kernel, dst, x, y *emit.Number, f emit.Finish) {
	a := k.Stream().Sum(x)
	a.Add(multiple(2), 1)
	a.Add(y, -1)
	a.Store(dst, f)
}

// sum stores x + y.
func sum(k *emit.Kernel, dst, x, y *emit.Number) {
	a := k.Stream().Sum(x)
	a.Add(y, 1)
	a.Store(dst, raw)
}

func mul() {
	k := emit.Begin("feMul", "func(dst, a, b *[8]uint64)",
		"feMul sets dst = a·b mod p. dst may be a or b.")
	dst := k.Number("dst", k.Pointer("dst"), 0, digits)
	a := k.Number("a", k.Pointer("a"), 0, digits).Assume(reduced)
	b := k.Number("b", k.Pointer("b"), 0, digits).Assume(reduced)
	reduce(product(k, a, b), dst, whole)
	k.Run()
	dst.Ensure(reduced)
	k.End()
}

func sqr() {
	k := emit.Begin("feSqr", "func(dst, a *[8]uint64, n int)",
		"feSqr sets dst = a^(2^n) mod p, for n > 0. dst may be a.")
	to, from, n := k.Pointer("dst"), k.Pointer("a"), k.Pointer("n")
	dst := k.Number("dst", to, 0, digits)
	a := k.Number("a", from, 0, digits).Assume(reduced)
	k.Loop(n, func() {
		reduce(square(k, a), dst, whole)
		k.Run()
		MOVQ(to, from)
		a.Assume(dst.Bounds())
	}, emit.Invariant{Number: a, Bounds: reduced})
	k.End()
}
