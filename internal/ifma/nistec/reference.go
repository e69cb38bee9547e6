package nistec

import (
	"math/big"
	"math/bits"
	"sync"
	"unsafe"

	"asynccrypto/internal/ifma"
)

// The reference implementation: it computes the same as each kernel, one lane after another, in
// plain Go. A kernel and its reference agree in every bit of the result, for every input within
// the bounds. Tests compare them. Nothing else uses the reference; ifma.AllowReference says
// why.

// kernels holds the kernels of one curve.
type kernels struct {
	digits, words int // of a number; words have 64 bits, in tables
	p, n          referenceModulus
	plus          multiples
}

const (
	// A point with its scratch takes stateWords words for each digit.
	stateWords = 16
	// lookupEntries is the number of entries of a table for lookup.
	lookupEntries = 32
)

// tableWords is the length of a table for lookup.
func (k *kernels) tableWords() int { return 2 * k.words * lookupEntries / ifma.Lanes }

// entrySize is the size in bytes of an entry for fetch: a power of two.
func (k *kernels) entrySize() uint64 {
	if k.digits == 5 {
		return 64
	}
	return 128
}

// multiples says how many times p is added so that a difference is not negative: in a doubling, in
// an addition of an affine point, and in one of another point.
type multiples struct {
	double doubleMultiples
	affine addMultiples
	add    addMultiples
}

type doubleMultiples struct{ less, z, minus8yy, t, x int64 }

// Only in an addition to a point with ZZZ is that a difference too.
type addMultiples struct{ h, r, minusHHH, t, x, zzz int64 }

var p256Kernels = kernels{
	digits: 5, words: 4,
	p: referenceModulus{
		digits: 5,
		m:      operand{1<<52 - 1, 1<<44 - 1, 0, 1 << 36, 1<<48 - 1<<16},
		times:  1,
		steps:  []term{{1, 1 << 44}, {3, 1 << 36}, {4, 1<<48 - 1<<16}},
		last:   []term{{1, 1 << 44}, {3, 1 << 36}, {4, 1<<48 - 1<<16}},
		top:    48,
		fold:   []term{{0, 1}, {1, -1 << 44}, {3, -1 << 36}, {4, 1 << 16}},
	},
	n: newOrder(5, 0xccd1c8aaee00bc4f, []uint64{
		0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}),
	plus: multiples{
		double: doubleMultiples{2, 3, 9, 3, 9},
		affine: addMultiples{2, 3, 2, 5, 2, 2},
		add:    addMultiples{2, 2, 2, 4, 2, 0},
	},
}

var p384Kernels = kernels{
	digits: 8, words: 6,
	p: referenceModulus{
		digits: 8,
		m:      operand{1<<32 - 1, 1<<52 - 1<<44, 1<<52 - 1<<24 - 1, 1<<52 - 1, 1<<52 - 1, 1<<52 - 1, 1<<52 - 1, 1<<20 - 1},
		times:  1<<32 + 1,
		steps:  []term{{1, 1<<12 - 1<<44}, {2, -1 << 25}, {3, -1 << 4}, {7, 1 << 20}, {8, 1}},
		last:   []term{{0, 1 << 32}, {1, -1 << 44}, {2, -1 << 24}, {7, 1 << 20}},
	},
	n: newOrder(8, 0x6ed46089e88fdc45, []uint64{
		0xecec196accc52973, 0x581a0db248b0a77a, 0xc7634d81f4372ddf, ^uint64(0), ^uint64(0), ^uint64(0)}),
	plus: multiples{
		double: doubleMultiples{2, 3, 9, 2, 9},
		affine: addMultiples{12, 13, 2, 4, 2, 2},
		add:    addMultiples{2, 2, 2, 4, 2, 0},
	},
}

// operand holds the digits of a number in one lane.
type operand [8]uint64

// columns are sums of digits, column i times 2^(52·i). They wrap as the registers do.
type columns [17]uint64

// term is factor·2^(52·column).
type term struct {
	column int
	factor int64
}

// referenceModulus is p or n.
type referenceModulus struct {
	digits int
	m      operand
	// A step of the reduction takes the lowest digit away and adds it times the terms. In the
	// last one it is times the digit, to be multiplied by other terms.
	times       uint64
	steps, last []term
	// fold takes away the bits of the highest column from bit top on, and adds them times the
	// terms.
	top  int
	fold []term
}

// newOrder is the order of a group. times is -1/order modulo 2^64.
func newOrder(digits int, times uint64, words []uint64) referenceModulus {
	f := referenceModulus{digits: digits, times: times & ifma.DigitMask}
	for i := range digits {
		at, shift := i*ifma.DigitBits/64, i*ifma.DigitBits%64
		d := words[at] >> shift
		if at+1 < len(words) {
			d |= words[at+1] << (64 - shift)
		}
		f.m[i] = d & ifma.DigitMask
	}
	var q columns // order·times, which is -1 modulo 2^52
	for i := range digits {
		q.mulAdd(f.times, int64(f.m[i]), i)
		f.last = append(f.last, term{i, int64(f.m[i])})
	}
	q[0]++
	for i := range digits + 1 {
		if d := q.carry(i); i > 0 {
			f.steps = append(f.steps, term{i, int64(d)})
		}
	}
	return f
}

// mulAdd adds x·y at column i, where only the low 52 bits of x count. If y is negative it
// subtracts.
func (c *columns) mulAdd(x uint64, y int64, i int) {
	sign, factor := uint64(1), uint64(y)
	if y < 0 {
		sign, factor = ^uint64(0), uint64(-y)
	}
	hi, lo := bits.Mul64(x&ifma.DigitMask, factor)
	c[i] += sign * (lo & ifma.DigitMask)
	c[i+1] += sign * (hi<<12 | lo>>ifma.DigitBits)
}

// carry adds the bits of column i above a digit to the next one, and returns the digit.
func (c *columns) carry(i int) uint64 {
	c[i+1] += uint64(int64(c[i]) >> ifma.DigitBits)
	c[i] &= ifma.DigitMask
	return c[i]
}

// add adds x times.
func (c *columns) add(x *operand, times int64) {
	for i, d := range x {
		c[i] += uint64(times) * d
	}
}

// product returns x·y/R in columns, or (x·y + x2·y2)/R.
func (f *referenceModulus) product(factors ...*operand) (c columns) {
	for n := 0; n < len(factors); n += 2 {
		x, y := factors[n], factors[n+1]
		for i := range f.digits {
			for j := range f.digits {
				c.mulAdd(x[i], int64(y[j]), i+j)
			}
		}
	}
	for i := range f.digits {
		terms, m := f.steps, uint64(0)
		if i < f.digits-1 {
			m = c.carry(i)
		} else {
			terms, m = f.last, c[i]*f.times&ifma.DigitMask
		}
		for _, t := range terms {
			c.mulAdd(m, t.factor, i+t.column)
		}
		c.carry(i)
	}
	var high columns
	copy(high[:], c[f.digits:2*f.digits])
	return high
}

// scale multiplies by k, which may be -1.
func (c *columns) scale(k int64) *columns {
	for i := range c {
		c[i] *= uint64(k)
	}
	return c
}

// number adds p times and returns the digits. With folded it makes the number smaller.
func (f *referenceModulus) number(c *columns, times int64, folded bool) (x operand) {
	d := f.digits
	if times != 0 {
		// The digits of times·p.
		var p columns
		p.add(&f.m, times)
		for i := range d - 1 {
			c[i] += p.carry(i)
		}
		c[d-1] += p[d-1]
	}
	if folded && f.fold != nil {
		if times != 0 {
			for i := range d - 1 {
				c[i] += 4 << ifma.DigitBits
				c[i+1] -= 4
			}
		}
		q := int64(c[d-1]) >> f.top
		c[d-1] &= 1<<f.top - 1
		for _, t := range f.fold {
			c[t.column] += uint64(q * t.factor)
		}
	}
	for i := range d - 1 {
		x[i] = c.carry(i)
	}
	x[d-1] = c[d-1]
	return x
}

func (f *referenceModulus) mul(x, y *operand) operand {
	c := f.product(x, y)
	return f.number(&c, 0, false)
}

// sum returns x + times·y + p·plus.
func (f *referenceModulus) sum(x, y *operand, times, plus int64) operand {
	var c columns
	c.add(x, 1)
	c.add(y, times)
	return f.number(&c, plus, false)
}

// sqrTwice returns z = x²/R + more - 2y and y - z, where more may be nil.
func (f *referenceModulus) sqrTwice(x, more, y *operand, plusZ, plusRest int64) (z, rest operand) {
	c := f.product(x, x)
	if more != nil {
		c.add(more, 1)
	}
	c.add(y, -2)
	d := c
	d.scale(-1).add(y, 1)
	return f.number(&c, plusZ, true), f.number(&d, plusRest, false)
}

// lane reads numbers of d digits, one after the other, in lane l.
func lane(v []ifma.Vec, d, l int, xs ...*operand) {
	for k, x := range xs {
		for i := range d {
			x[i] = v[k*d+i][l]
		}
	}
}

// setLane writes numbers of d digits to lane l.
func setLane(v []ifma.Vec, d, l int, xs ...*operand) {
	for k, x := range xs {
		for i := range d {
			v[k*d+i][l] = x[i]
		}
	}
}

func (f *referenceModulus) mulLanes(dst, a, b []ifma.Vec) {
	for l := range ifma.Lanes {
		var x, y operand
		lane(a, f.digits, l, &x)
		lane(b, f.digits, l, &y)
		f.checkFactor(&x)
		f.checkFactor(&y)
		z := f.mul(&x, &y)
		setLane(dst, f.digits, l, &z)
	}
}

// checkFactor panics if a caller leaves the bounds of factors, which kernels_amd64.go declares.
func (f *referenceModulus) checkFactor(x *operand) {
	most := uint64(5) << 46 // the highest digit of 5/4·2^256
	if f.digits == 8 {
		most = 16 << 20 // of 16·2^384
	}
	for _, d := range x[:f.digits-1] {
		if d > ifma.DigitMask {
			panic("nistec: a digit of a factor is too large")
		}
	}
	if x[f.digits-1] > most {
		panic("nistec: a factor is too large")
	}
}

func (k *kernels) mulReference(dst, a, b []ifma.Vec) { k.p.mulLanes(dst, a, b) }

func (k *kernels) ordMulReference(dst, a, b []ifma.Vec) { k.n.mulLanes(dst, a, b) }

func (k *kernels) doubleReference(st []ifma.Vec, n int) {
	f, plus := &k.p, &k.plus.double
	for l := range ifma.Lanes {
		var x, y, z operand
		lane(st, k.digits, l, &x, &y, &z)
		for range n {
			zz, yy := f.mul(&z, &z), f.mul(&y, &y)
			less, more := f.sum(&x, &zz, -1, plus.less), f.sum(&x, &zz, 1, 0)
			c := f.product(&x, &yy)
			beta := f.number(c.scale(4), 0, false)
			c = f.product(&less, &more)
			alpha := f.number(c.scale(3), 0, false)
			c = columns{}
			c.add(&yy, -8)
			minus8yy := f.number(&c, plus.minus8yy, false)
			both := f.sum(&y, &z, 1, 0)
			c = f.product(&both, &both)
			c.add(&yy, -1)
			c.add(&zz, -1)
			z = f.number(&c, plus.z, true)
			var t operand
			x, t = f.sqrTwice(&alpha, nil, &beta, plus.x, plus.t)
			c = f.product(&alpha, &t, &yy, &minus8yy)
			y = f.number(&c, 0, true)
		}
		setLane(st, k.digits, l, &x, &y, &z)
	}
}

// rest is the part of an addition that is the same for both kinds: h and r are the differences
// of the x and y coordinates, u1 and s1 the coordinates of the first point, z the product of
// the Zs.
func (f *referenceModulus) rest(h, r, u1, s1, z *operand, plus *addMultiples) (x3, y3, z3 operand) {
	hh := f.mul(h, h)
	c := f.product(h, &hh)
	minusHHH, v := f.number(c.scale(-1), plus.minusHHH, false), f.mul(u1, &hh)
	x3, t := f.sqrTwice(r, &minusHHH, &v, plus.x, plus.t)
	z3 = f.mul(z, h)
	c = f.product(r, &t, s1, &minusHHH)
	y3 = f.number(&c, 0, true)
	return x3, y3, z3
}

func (k *kernels) addAffineReference(st, pt []ifma.Vec, neg, skip uint64) {
	f, plus := &k.p, &k.plus.affine
	for l := range ifma.Lanes {
		if skip>>l&1 != 0 {
			continue
		}
		var x1, y1, z1, x2, y2 operand
		lane(st, k.digits, l, &x1, &y1, &z1)
		lane(pt, k.digits, l, &x2, &y2)
		zz := f.mul(&z1, &z1)
		c := f.product(&x2, &zz)
		c.add(&x1, -1)
		h := f.number(&c, plus.h, false)
		zzz := f.mul(&z1, &zz)
		c = f.product(&y2, &zzz)
		if neg>>l&1 != 0 {
			c.scale(-1)
		}
		c.add(&y1, -1)
		r := f.number(&c, plus.r, false)
		x3, y3, z3 := f.rest(&h, &r, &x1, &y1, &z1, plus)
		setLane(st, k.digits, l, &x3, &y3, &z3)
	}
}

func (k *kernels) addXYZZReference(st, pt []ifma.Vec, neg, skip uint64) {
	f, plus := &k.p, &k.plus.affine
	for l := range ifma.Lanes {
		if skip>>l&1 != 0 {
			continue
		}
		var x1, y1, zz, zzz, x2, y2 operand
		lane(st, k.digits, l, &x1, &y1, &zz, &zzz)
		lane(pt, k.digits, l, &x2, &y2)
		c := f.product(&x2, &zz)
		c.add(&x1, -1)
		h := f.number(&c, plus.h, false)
		c = f.product(&y2, &zzz)
		if neg>>l&1 != 0 {
			c.scale(-1)
		}
		c.add(&y1, -1)
		r := f.number(&c, plus.r, false)
		hh := f.mul(&h, &h)
		c = f.product(&h, &hh)
		minusHHH, v := f.number(c.scale(-1), plus.minusHHH, false), f.mul(&x1, &hh)
		x3, t := f.sqrTwice(&r, &minusHHH, &v, plus.x, plus.t)
		c = f.product(&r, &t, &y1, &minusHHH)
		y3, zz3 := f.number(&c, 0, true), f.mul(&zz, &hh)
		c = f.product(&zzz, &minusHHH)
		zzz3 := f.number(c.scale(-1), plus.zzz, true)
		setLane(st, k.digits, l, &x3, &y3, &zz3, &zzz3)
	}
}

func (k *kernels) addReference(st, pt []ifma.Vec) {
	f, plus := &k.p, &k.plus.add
	for l := range ifma.Lanes {
		var x1, y1, z1, x2, y2, z2, zz2, zzz2 operand
		lane(st, k.digits, l, &x1, &y1, &z1)
		lane(pt, k.digits, l, &x2, &y2, &z2, &zz2, &zzz2)
		zz := f.mul(&z1, &z1)
		u1 := f.mul(&x1, &zz2)
		c := f.product(&x2, &zz)
		c.add(&u1, -1)
		h := f.number(&c, plus.h, false)
		zzz, s1, z := f.mul(&z1, &zz), f.mul(&y1, &zzz2), f.mul(&z1, &z2)
		c = f.product(&y2, &zzz)
		c.add(&s1, -1)
		r := f.number(&c, plus.r, false)
		x3, y3, z3 := f.rest(&h, &r, &u1, &s1, &z, plus)
		setLane(st, k.digits, l, &x3, &y3, &z3)
	}
}

// unpack writes an entry of a table to lane l of dst.
func (k *kernels) unpack(dst []ifma.Vec, l int, word func(i int) uint64) {
	for n := range 2 {
		for i := range k.digits {
			at, shift := i*ifma.DigitBits/64, i*ifma.DigitBits%64
			d := word(k.words*n+at) >> shift
			if at+1 < k.words {
				d |= word(k.words*n+at+1) << (64 - shift)
			}
			dst[k.digits*n+i][l] = d & ifma.DigitMask
		}
	}
}

func (k *kernels) fetchReference(dst []ifma.Vec, bases, mag *ifma.Vec) {
	for l := range ifma.Lanes {
		address := bases[l] + k.entrySize()*mag[l]
		entry := *(**[16]uint64)(unsafe.Pointer(&address))
		k.unpack(dst, l, func(i int) uint64 { return entry[i] })
	}
}

func (k *kernels) storeReference(to *ifma.Vec, src []ifma.Vec) {
	for l := range ifma.Lanes {
		entry := *(**[16]uint64)(unsafe.Pointer(&to[l]))
		clear(entry[:k.entrySize()/8])
		for n := range 2 {
			var x operand
			lane(src[n*k.digits:], k.digits, l, &x)
			var less columns
			less.add(&x, 1)
			less.add(&k.p.m, -1)
			for i := range k.digits - 1 {
				less.carry(i)
			}
			if int64(less[k.digits-1]) >= 0 {
				copy(x[:], less[:k.digits])
			}
			for i, d := range x[:k.digits] {
				at, shift := i*ifma.DigitBits/64, i*ifma.DigitBits%64
				entry[k.words*n+at] |= d << shift
				if at+1 < k.words {
					entry[k.words*n+at+1] |= d >> (64 - shift)
				}
			}
		}
	}
}

func (k *kernels) lookupReference(dst, table []ifma.Vec, mag *ifma.Vec) {
	for l := range ifma.Lanes {
		k.unpack(dst, l, func(i int) uint64 {
			if mag[l] == 0 {
				return 0
			}
			at := lookupEntries*i + int(mag[l]) - 1
			return table[at/ifma.Lanes][at%ifma.Lanes]
		})
	}
}

func recodeReference(mag, x []ifma.Vec, neg, zero []uint64, w int) {
	clear(neg)
	clear(zero)
	for l := range ifma.Lanes {
		carry := uint64(0)
		for i := range mag {
			at, shift := i*w/ifma.DigitBits, i*w%ifma.DigitBits
			d := (x[at][l]>>shift|x[at+1][l]<<(ifma.DigitBits-shift))&(1<<w-1) + carry
			if carry = 0; d > 1<<(w-1) {
				d, carry = 1<<w-d, 1
				neg[i] |= 1 << l
			}
			if d == 0 {
				zero[i] |= 1 << l
			}
			mag[i][l] = d
		}
	}
}

// reduceReference subtracts m in the lanes where a is not less.
func reduceReference(a, m []vec) {
	keep := less(a, m)
	var c vec
	for i := range a {
		for l := range c {
			t := int64(a[i][l] - m[i][l]&^keep[l] + c[l])
			a[i][l], c[l] = uint64(t)&digitMask, uint64(t>>digitBits)
		}
	}
}

// compressReference is FIPS 180-4, section 6.2.2.
func compressReference(state *hashState, block *hashBlock) {
	constants := sha256Constants()
	rotate := func(x uint32, by int) uint32 { return bits.RotateLeft32(x, -by) }
	for l := range ifma.Lanes {
		var w [64]uint32
		for i := range w {
			if i < 16 {
				w[i] = block[i][l]
				continue
			}
			x, y := w[i-15], w[i-2]
			w[i] = w[i-16] + w[i-7] + (rotate(x, 7) ^ rotate(x, 18) ^ x>>3) + (rotate(y, 17) ^ rotate(y, 19) ^ y>>10)
		}
		var s [8]uint32
		for i := range s {
			s[i] = state[i][l]
		}
		for i, x := range w {
			a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
			t1 := h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e&f ^ ^e&g) + constants[i] + x
			t2 := (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a&b ^ a&c ^ b&c)
			s = [8]uint32{t1 + t2, a, b, c, d + t1, e, f, g}
		}
		for i, x := range s {
			state[i][l] += x
		}
	}
}

// sha256Constants is the first 32 bits of the fractional parts of the cube roots of the first 64
// primes.
var sha256Constants = sync.OnceValue(func() (ks [64]uint32) {
	p := int64(1)
	for i := range ks {
		for p++; !big.NewInt(p).ProbablyPrime(0); p++ {
		}
		// The cube root of p·2^96 is that of p times 2^32.
		n, root := new(big.Int).Lsh(big.NewInt(p), 96), int64(0)
		for bit := 36; bit >= 0; bit-- {
			x := big.NewInt(root | 1<<bit)
			if new(big.Int).Exp(x, big.NewInt(3), nil).Cmp(n) <= 0 {
				root = x.Int64()
			}
		}
		ks[i] = uint32(root)
	}
	return ks
})
