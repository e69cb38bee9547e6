package curve25519

import (
	"math/big"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// The formulas are those of Hisil, Wong, Carter and Dawson 2008 for a = -1, where d is no square:
// they hold for all points of the curve, so there are no exceptions. Sums that only serve as
// factors keep the bits above the 52nd.

// point is an extended point, T = X·Y/Z. The rows behind it are for the kernels.
type point struct {
	x, y, z, t *emit.Number
	scratch    []*emit.Number
}

func newPoint(k *emit.Kernel, scratch int) point {
	st := k.Pointer("st")
	p := k.Rows("point", st, 0, digits, 4)
	for _, x := range p {
		x.Assume(reduced)
	}
	return point{p[0], p[1], p[2], p[3], k.Rows("scratch", st, 4*digits, digits, scratch)}
}

func (p point) ensure() {
	for _, x := range []*emit.Number{p.x, p.y, p.z, p.t} {
		x.Ensure(reduced)
	}
}

func double() {
	k := emit.Begin("edDouble", "func(st *[8]uint64, n int)",
		"edDouble doubles a point n times, for n > 0: 3M+4S each, and 1M for T, which only the last needs.")
	p, n := newPoint(k, 8), k.Pointer("n")
	t := p.scratch
	a, b, c, xy, e, f, g, h := t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
	var boundsE, boundsH emit.Bounds
	var invariant []emit.Invariant
	for _, x := range []*emit.Number{p.x, p.y, p.z} {
		invariant = append(invariant, emit.Invariant{Number: x, Bounds: reduced})
	}
	k.Loop(n, func() {
		reduce(square(k, p.x), a, whole)
		reduce(square(k, p.y), b, whole)
		sum(k, xy, p.x, p.y)
		twoZZ := square(k, p.z)
		twoZZ.Scale(2)
		reduce(twoZZ, c, whole)
		twoXY := square(k, xy)
		twoXY.Add(multiple(4), 1)
		twoXY.Add(a, -1)
		twoXY.Add(b, -1)
		reduce(twoXY, e, raw)
		difference(k, g, b, a, whole)
		minus := k.Stream().Sum(multiple(4))
		minus.Add(a, -1)
		minus.Add(b, -1)
		minus.Store(h, raw)
		difference(k, f, g, c, raw)
		reduce(product(k, e, f), p.x, whole)
		reduce(product(k, g, h), p.y, whole)
		reduce(product(k, f, g), p.z, whole)
		k.Run()
		boundsE, boundsH = e.Bounds(), h.Bounds()
	}, invariant...)
	// The last pass has left them.
	e.Assume(boundsE)
	h.Assume(boundsH)
	reduce(product(k, e, h), p.t, whole)
	k.Run()
	p.ensure()
	k.End()
}

// The masks of an addition: the lanes where it subtracts, where it does nothing, and where it adds.
var negative, skipped, positive = K1, K2, K3

func addAffine() {
	k := emit.Begin("edAddAffine", "func(st, pt *[8]uint64, neg, skip uint64)",
		"edAddAffine adds an affine point, subtracts it in the lanes of neg, and does nothing in those of skip: 7M.")
	newPoint(k, 12).add(k, 3)
}

func add() {
	k := emit.Begin("edAdd", "func(st, pt *[8]uint64, neg, skip uint64)",
		"edAdd is edAddAffine for a point with its Z: 8M.")
	newPoint(k, 12).add(k, 4)
}

// add generates the addition of a point of n numbers: y+x, y-x, 2d·t and, unless it is affine, z.
func (p point) add(k *emit.Kernel, n int) {
	entry := k.Rows("entry", k.Pointer("pt"), 0, digits, n)
	for _, x := range entry {
		x.Assume(reduced)
	}
	k.Mask("neg", negative)
	k.Mask("skip", skipped)
	KNOTQ(negative, positive)
	t := p.scratch
	a, b, c, d, e, f, g, h, minus, plus, otherMinus, otherPlus := t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11]

	difference(k, minus, p.y, p.x, raw)
	sum(k, plus, p.y, p.x)
	// The negative point has x with the other sign.
	s := k.Stream()
	x, y := s.Sum(entry[0]), s.Sum(entry[1])
	x.SwapIn(negative, y)
	x.Store(otherPlus, whole)
	y.Store(otherMinus, whole)
	reduce(product(k, minus, otherMinus), a, whole)
	reduce(product(k, plus, otherPlus), b, whole)
	reduce(product(k, p.t, entry[2]), c, whole)
	times := 2
	if n == 3 {
		d = p.z
	} else {
		zz := product(k, p.z, entry[3])
		zz.Scale(2)
		reduce(zz, d, whole)
		times = 1
	}
	difference(k, e, b, a, raw)
	sum(k, h, b, a)
	for _, x := range []struct {
		dst         *emit.Number
		plus, minus Register
	}{{f, negative, positive}, {g, positive, negative}} {
		s := k.Stream().Sum(multiple(2))
		s.Add(d, times)
		s.AddSub(x.plus, x.minus, c)
		s.Store(x.dst, raw)
	}
	reduce(product(k, e, f), p.x, keep)
	reduce(product(k, g, h), p.y, keep)
	reduce(product(k, e, h), p.t, keep)
	reduce(product(k, f, g), p.z, keep)
	k.Run()
	p.ensure()
	k.End()
}

func cache() {
	k := emit.Begin("edCache", "func(dst, st *[8]uint64)",
		"edCache sets dst to the terms of a point with which edAdd adds it: y+x, y-x, 2d·t and z.")
	dst := k.Rows("dst", k.Pointer("dst"), 0, digits, 4)
	p := newPoint(k, 0)
	x := k.Stream().Sum(p.y)
	x.Add(p.x, 1)
	reduce(x, dst[0], whole)
	x = k.Stream().Sum(p.y)
	x.Add(multiple(2), 1)
	x.Add(p.x, -1)
	reduce(x, dst[1], whole)
	reduce(product(k, p.t, twoD), dst[2], whole)
	k.Stream().Sum(p.z).Store(dst[3], whole)
	k.Run()
	for _, x := range dst {
		x.Ensure(reduced)
	}
	k.End()
}

// twoD is twice the constant d of the curve, RFC 8032, section 5.1.
var twoD = emit.ConstantNumber(digits, bigTwoD)

var bigTwoD, _ = new(big.Int).SetString("2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159", 16)
