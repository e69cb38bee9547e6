package curve25519

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// ladder has the names of RFC 7748, section 5. The swap of a step is that of the coordinates' sums
// and differences.
func ladder() {
	k := emit.Begin("xLadder", "func(st, swaps *[8]uint64, n int)",
		"xLadder does n steps of Montgomery's ladder, 0 < n <= 64: 5M+4S and a product with a constant each.",
		"The top bits of swaps say in which lanes the first step swaps, and the next bits are those of the next step.")
	st := k.Pointer("st")
	point := k.Rows("point", st, 0, digits, 5)
	x2, z2, x3, z3, x1 := point[0], point[1], point[2], point[3], point[4]
	var invariant []emit.Invariant
	for _, x := range point {
		x.Assume(reduced)
		invariant = append(invariant, emit.Invariant{Number: x, Bounds: reduced})
	}
	t := k.Rows("scratch", st, 5*digits, digits, 13)
	a, b, c, d, aa, bb, da, cb, e, aae := t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9]
	plus, minus, minus2 := t[10], t[11], t[12]
	swap, swaps := K1, k.Get()
	VMOVDQU64(Mem{Base: k.Pointer("swaps")}, swaps)
	k.Loop(k.Pointer("n"), func() {
		VPMOVQ2M(swaps, swap)
		VPADDQ(swaps, swaps, swaps)
		s := k.Stream()
		sum2, sum3 := s.Sum(x2), s.Sum(x3)
		sum2.Add(z2, 1)
		sum3.Add(z3, 1)
		sum2.SwapIn(swap, sum3)
		sum2.Store(a, raw)
		sum3.Store(c, raw)
		s = k.Stream()
		difference2, difference3 := s.Sum(x2), s.Sum(x3)
		difference2.Add(multiple(2), 1)
		difference2.Add(z2, -1)
		difference3.Add(multiple(2), 1)
		difference3.Add(z3, -1)
		difference2.SwapIn(swap, difference3)
		difference2.Store(b, raw)
		difference3.Store(d, raw)

		reduce(product(k, d, a), da, whole)
		reduce(product(k, c, b), cb, whole)
		reduce(square(k, a), aa, whole)
		reduce(square(k, b), bb, whole)
		sum(k, plus, da, cb)
		difference(k, minus, da, cb, raw)
		difference(k, e, aa, bb, raw)
		reduce(plusA24(k, aa, e), aae, raw)
		reduce(square(k, minus), minus2, raw)
		reduce(square(k, plus), x3, whole)
		reduce(product(k, aa, bb), x2, whole)
		reduce(product(k, x1, minus2), z3, whole)
		reduce(product(k, e, aae), z2, whole)
		k.Run()
	}, invariant...)
	k.Put(swaps)
	k.End()
}

// plusA24 is aa + 121665·e.
func plusA24(k *emit.Kernel, aa, e *emit.Number) *emit.Accumulator {
	s := k.Stream()
	a := s.Sum(aa)
	for i := range digits {
		w := s.Load(e, i)
		a.MulAddConstant(w, 121665, i)
		s.Free(w)
	}
	fold(s, a, digits)
	return a
}
