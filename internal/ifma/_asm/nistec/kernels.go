package nistec

import (
	"math/big"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// curve generates the kernels of one curve.
type curve struct {
	*modulus
	name string
	bits int
	// The bounds of the factors of a product, of a product modulo p, of one modulo n, of x and
	// y of a point, and of its Z.
	factor, result, ordResult, coordinate, z emit.Bounds
}

// Kernels generates the kernels of both curves, and that of SHA-256 for their nonces.
func Kernels() {
	for _, c := range []struct {
		name  string
		bits  int
		prime *modulus
		order *big.Int
		table emit.Table // of affine points
	}{
		{"p256", 256, p256(),
			hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
			emit.Table{Numbers: 2, Words: 4, Digits: 5}},
		{"p384", 384, p384(),
			hex("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
			emit.Table{Numbers: 2, Words: 6, Digits: 8}},
	} {
		d := c.prime.digits
		curve := &curve{
			modulus: c.prime, name: c.name, bits: c.bits,
			factor:     bounds(d, 5, c.bits-2),
			result:     bounds(d, 9, c.bits-3),
			coordinate: bounds(d, 9, c.bits-3),
			ordResult:  bounds(d, 5, c.bits-2),
			z:          bounds(d, 5, c.bits-2),
		}
		if d == 8 { // the numbers have room for 32 bits more
			curve.factor, curve.coordinate = bounds(d, 16, c.bits), bounds(d, 11, c.bits)
			curve.ordResult, curve.z = bounds(d, 3, c.bits-1), curve.coordinate
		}
		curve.multiplication("Mul", "Sqr", c.prime, curve.result, "p")
		curve.multiplication("OrdMul", "", order(c.prime.digits, c.order), curve.ordResult, "n, the order of the group")
		curve.reduce()
		curve.double()
		curve.addAffine()
		curve.addAffine2()
		curve.addXYZZ2()
		curve.add()
		c.table.Fetch(c.name + "Fetch")
		c.table.Store(c.name+"Store", c.prime.m)
		c.table.Lookup(c.name+"Lookup", 32)
	}
	emit.Recode("recodeDigits")
	sha256()
	emit.Constants()
}

// bounds is from 0 to times·2^bits in digits.
func bounds(digits int, times int64, bits int) emit.Bounds {
	return emit.Below(digits, emit.Times(times, emit.Pow2(bits)))
}

func (c *curve) begin(name, signature string, doc ...string) *emit.Kernel {
	doc[0] = c.name + name + " " + doc[0]
	return emit.Begin(c.name+name, signature, doc...)
}

// number is a number of the curve's length.
func (c *curve) number(k *emit.Kernel, name string) *emit.Number {
	return k.Number(name, k.Pointer(name), 0, c.digits)
}

// multiplication generates a multiplication and, if it has a name, a squaring.
func (c *curve) multiplication(mul, sqr string, f *modulus, result emit.Bounds, what string) {
	k := c.begin(mul, "func(dst, a, b *[8]uint64)", "sets dst = a·b/R mod "+what+".")
	dst, a, b := c.number(k, "dst"), c.number(k, "a").Assume(c.factor), c.number(k, "b").Assume(c.factor)
	f.mul(k, dst, a, b, shaping{})
	k.Run()
	dst.Ensure(result)
	k.End()
	if sqr == "" {
		return
	}
	k = c.begin(sqr, "func(dst, a *[8]uint64)", "sets dst = a²/R mod "+what+".")
	dst, a = c.number(k, "dst"), c.number(k, "a").Assume(c.factor)
	f.sqr(k, dst, a, shaping{})
	k.Run()
	dst.Ensure(result)
	k.End()
}

// reduce generates the last step of a reduction.
func (c *curve) reduce() {
	k := c.begin("Reduce", "func(a, m *[8]uint64)", "subtracts m in the lanes where a is not less.")
	a, m := k.Pointer("a"), k.Pointer("m")
	row := func(base Register, i int) Mem { return Mem{Base: base, Disp: 64 * i} }
	mask, carry := k.Get(), k.Get()
	VPTERNLOGQ(U8(0xff), mask, mask, mask)
	VPSRLQ(U8(64-emit.DigitBits), mask, mask)
	x, less := make([]VecPhysical, c.digits), make([]VecPhysical, c.digits)
	for i := range x {
		x[i], less[i] = k.Get(), k.Get()
		VMOVDQU64(row(a, i), x[i])
		VPSUBQ(row(m, i), x[i], less[i])
		if i > 0 {
			VPSRAQ(U8(emit.DigitBits), less[i-1], carry)
			VPADDQ(carry, less[i], less[i])
			VPANDQ(mask, less[i-1], less[i-1])
		}
	}
	VPMOVQ2M(less[c.digits-1], K1) // where a is less
	for i := range x {
		VMOVDQA64(x[i], K1, less[i])
		VMOVDQU64(less[i], row(a, i))
	}
	k.Put(x...)
	k.Put(less...)
	k.Put(mask, carry)
	k.End()
}

// point is a point in memory in Jacobian coordinates: x = X/Z², y = Y/Z³. Scratch follows it.
type point struct {
	x, y, z *emit.Number
	scratch []*emit.Number
}

// point is the point at the address in base, with its scratch.
func (c *curve) point(k *emit.Kernel, name string, base Register) point {
	r := k.Rows(name, base, 0, c.digits, 16)
	p := point{r[0], r[1], r[2], r[3:]}
	for _, i := range c.invariants(p) {
		i.Number.Assume(i.Bounds)
	}
	return p
}

func (c *curve) ensure(p point) {
	for _, i := range c.invariants(p) {
		i.Number.Ensure(i.Bounds)
	}
}

// invariants is the bounds of a point before and after each kernel.
func (c *curve) invariants(p point) []emit.Invariant {
	return []emit.Invariant{{Number: p.x, Bounds: c.coordinate}, {Number: p.y, Bounds: c.coordinate}, {Number: p.z, Bounds: c.z}}
}

var raw = shaping{finish: emit.Finish{Raw: true}}

// double doubles a point: with α = 3(X-Z²)(X+Z²) and β = 4XY², it becomes (α²-2β, α(β-X₃) -
// 8Y⁴, (Y+Z)²-Y²-Z²). That is 4 multiplications and 4 squares, with 7 reductions.
func (c *curve) double() {
	k := c.begin("Double", "func(st *[8]uint64, n int)", "doubles the point of st, n times over.")
	p := c.point(k, "st", k.Pointer("st"))
	n := k.Pointer("n")
	s := p.scratch
	zz, yy, less, more, beta, alpha, minus8yy, t, both := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]
	k.Loop(n, func() {
		c.sqr(k, zz, p.z, shaping{})
		c.sqr(k, yy, p.y, shaping{})
		c.sum(k, both, p.y, p.z, nil, raw.finish)
		c.sum(k, less, p.x, nil, zz, raw.finish)
		c.sum(k, more, p.x, zz, nil, raw.finish)
		c.mul(k, alpha, less, more, shaping{scale: 3, finish: raw.finish})
		c.mul(k, beta, p.x, yy, shaping{scale: 4})
		c.sqr(k, p.z, both, shaping{minus: []term{{1, yy}, {1, zz}}, fold: true})
		c.minus(k, minus8yy, yy, 8, raw.finish)
		c.sqrTwice(k, p.x, t, alpha, nil, beta, emit.Finish{})
		c.products(k, p.y, shaping{fold: true}, [2]*emit.Number{alpha, t}, [2]*emit.Number{yy, minus8yy})
		k.Run()
	}, c.invariants(p)...)
	k.End()
}

// addition adds the affine point (x2, y2), negated in the lanes of neg, and nothing in those of
// skip: with h = x₂Z² - X and r = ±y₂Z³ - Y, the sum is (r²-h³-2v, r(v-X₃) - Yh³, Zh) with v =
// Xh². That is 8 multiplications and 3 squares, with 10 reductions.
func (c *curve) addition(k *emit.Kernel, p point, x2, y2 *emit.Number, neg, skip Register) {
	zz, zzz, h, r := p.scratch[0], p.scratch[1], p.scratch[2], p.scratch[3]
	c.sqr(k, zz, p.z, raw)
	c.mul(k, h, x2, zz, shaping{minus: []term{{1, p.x}}, finish: raw.finish})
	c.mul(k, zzz, p.z, zz, raw)
	c.mul(k, r, y2, zzz, shaping{negate: true, lanes: neg, minus: []term{{1, p.y}}, finish: raw.finish})
	c.rest(k, p, h, r, p.x, p.y, p.z, emit.Finish{Keep: skip})
}

// rest is the second half of an addition, for both kinds of points. With a Z that both points
// share, the first is (u1, s1) and the differences of the coordinates are h and r. z·h is the Z
// of the sum.
func (c *curve) rest(k *emit.Kernel, p point, h, r, u1, s1, z *emit.Number, finish emit.Finish) {
	hh, minusHHH, v, t := p.scratch[4], p.scratch[5], p.scratch[6], p.scratch[7]
	c.sqr(k, hh, h, raw)
	c.mul(k, minusHHH, h, hh, shaping{from: true})
	c.mul(k, v, u1, hh, shaping{})
	c.sqrTwice(k, p.x, t, r, minusHHH, v, finish)
	c.mul(k, p.z, z, h, shaping{finish: finish})
	c.products(k, p.y, shaping{fold: true, finish: finish}, [2]*emit.Number{r, t}, [2]*emit.Number{s1, minusHHH})
}

func (c *curve) affinePoint(k *emit.Kernel, name string) (x, y *emit.Number) {
	r := k.Rows(name, k.Pointer(name), 0, c.digits, 2)
	return r[0].Assume(c.coordinate), r[1].Assume(c.coordinate)
}

func (c *curve) addAffine() {
	k := c.begin("AddAffine", "func(st, pt *[8]uint64, neg, skip uint64)",
		"adds the affine point pt to that of st, negated in the lanes of neg,", "nothing in those of skip.")
	p := c.point(k, "st", k.Pointer("st"))
	x, y := c.affinePoint(k, "pt")
	c.addition(k, p, x, y, k.Mask("neg", K1), k.Mask("skip", K2))
	k.Run()
	c.ensure(p)
	k.End()
}

func (c *curve) addAffine2() {
	k := c.begin("AddAffine2", "func(st, st2, pt, pt2 *[8]uint64, neg, skip, neg2, skip2 uint64)",
		"adds pt to st and pt2 to st2, as the kernel for one does.")
	p, p2 := c.point(k, "st", k.Pointer("st")), c.point(k, "st2", k.Pointer("st2"))
	x, y := c.affinePoint(k, "pt")
	x2, y2 := c.affinePoint(k, "pt2")
	c.addition(k, p, x, y, k.Mask("neg", K1), k.Mask("skip", K2))
	c.addition(k, p2, x2, y2, k.Mask("neg2", K3), k.Mask("skip2", K4))
	k.Run()
	c.ensure(p)
	c.ensure(p2)
	k.End()
}

// additionXYZZ is addition for the sum (X, Y, ZZ, ZZZ), which is x = X/ZZ, y = Y/ZZZ with ZZ³ =
// ZZZ². Nothing has to be computed of Z first, so it takes a square less: 8 multiplications and 2
// squares, with 9 reductions. But a doubling would take more.
func (c *curve) additionXYZZ(k *emit.Kernel, p point, x2, y2 *emit.Number, neg, skip Register) {
	zz, zzz := p.z, p.scratch[0]
	h, r, hh, minusHHH, v, t := p.scratch[1], p.scratch[2], p.scratch[3], p.scratch[4], p.scratch[5], p.scratch[6]
	finish := emit.Finish{Keep: skip}
	c.mul(k, h, x2, zz, shaping{minus: []term{{1, p.x}}, finish: raw.finish})
	c.mul(k, r, y2, zzz, shaping{negate: true, lanes: neg, minus: []term{{1, p.y}}, finish: raw.finish})
	c.sqr(k, hh, h, raw)
	c.mul(k, minusHHH, h, hh, shaping{from: true})
	c.mul(k, v, p.x, hh, shaping{})
	c.sqrTwice(k, p.x, t, r, minusHHH, v, finish)
	c.mul(k, zz, zz, hh, shaping{finish: finish})
	c.products(k, p.y, shaping{fold: true, finish: finish}, [2]*emit.Number{r, t}, [2]*emit.Number{p.y, minusHHH})
	c.mul(k, zzz, zzz, minusHHH, shaping{from: true, fold: true, finish: finish})
}

func (c *curve) addXYZZ2() {
	k := c.begin("AddXYZZ2", "func(st, st2, pt, pt2 *[8]uint64, neg, skip, neg2, skip2 uint64)",
		"adds the affine points pt and pt2 to those of st and st2, which are X, Y, ZZ and ZZZ. It negates",
		"them in the lanes of neg, and adds nothing in those of skip.")
	p, p2 := c.point(k, "st", k.Pointer("st")), c.point(k, "st2", k.Pointer("st2"))
	zzz, zzz2 := p.scratch[0].Assume(c.z), p2.scratch[0].Assume(c.z)
	x, y := c.affinePoint(k, "pt")
	x2, y2 := c.affinePoint(k, "pt2")
	c.additionXYZZ(k, p, x, y, k.Mask("neg", K1), k.Mask("skip", K2))
	c.additionXYZZ(k, p2, x2, y2, k.Mask("neg2", K3), k.Mask("skip2", K4))
	k.Run()
	c.ensure(p)
	c.ensure(p2)
	zzz.Ensure(c.z)
	zzz2.Ensure(c.z)
	k.End()
}

// add adds a Jacobian point whose Z² and Z³ are known, in 11 multiplications and 3 squares,
// with 13 reductions.
func (c *curve) add() {
	k := c.begin("Add", "func(st, pt *[8]uint64)",
		"adds the point pt, which is X, Y, Z, Z², Z³, to that of st.")
	p := c.point(k, "st", k.Pointer("st"))
	q := k.Rows("pt", k.Pointer("pt"), 0, c.digits, 5)
	for _, x := range q {
		x.Assume(c.coordinate)
	}
	q[2].Assume(c.z)
	s := p.scratch
	zz, zzz, h, r, u1, s1, z := s[0], s[1], s[2], s[3], s[9], s[10], s[11]
	c.sqr(k, zz, p.z, raw)
	c.mul(k, u1, p.x, q[3], shaping{})
	c.mul(k, h, q[0], zz, shaping{minus: []term{{1, u1}}, finish: raw.finish})
	c.mul(k, zzz, p.z, zz, raw)
	c.mul(k, s1, p.y, q[4], shaping{})
	c.mul(k, z, p.z, q[2], raw)
	c.mul(k, r, q[1], zzz, shaping{minus: []term{{1, s1}}, finish: raw.finish})
	c.rest(k, p, h, r, u1, s1, z, emit.Finish{})
	k.Run()
	c.ensure(p)
	k.End()
}
