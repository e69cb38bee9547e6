// Package divsteps inverts modulo an odd number in constant time, by the division steps of
// Bernstein and Yang.
package divsteps

import (
	"math/big"
	"math/bits"
)

// Inverter inverts modulo an odd number m, of up to 384 bits, in constant time. See Bernstein and
// Yang, "Fast constant-time gcd computation and modular inversion", 2019, for the division steps,
// in the variant that starts at delta = 1/2. A step takes (delta, f, g), f odd, to
//
//	(1-delta, g, (g-f)/2)              if delta > 0 and g is odd
//	(1+delta, f, (g + (g mod 2)·f)/2)  otherwise
//
// From f = m and g = x it reaches g = 0 and f = ±1 after at most (45907·b+26313)/19929 steps for
// numbers of b bits: 591 for 256 bits and 885 for 384. The lowest 60 bits of f and g decide 60
// steps. So the steps are done on words, which gives a matrix, and then the matrix is applied to
// the whole numbers: to f and g, and modulo m to d and e, where d·x = f and e·x = g mod m.
type Inverter struct {
	limbs   int // of LimbBits
	batches int // of LimbBits steps
	m       Number
	minv    uint64 // 1/m mod 2^LimbBits
	// multiples has m, 2m, 4m and 8m.
	multiples [4]Number
}

// Number is a number in limbs of LimbBits, the least significant first. All but the last are below
// 2^LimbBits and not negative. Limbs beyond those of the modulus are 0.
type Number [7]int64

const (
	// LimbBits is the width of a limb.
	LimbBits = 60
	limbMask = 1<<LimbBits - 1
)

// matrix has what a batch of steps does: f becomes (uf+vg)/2^60 and g becomes (qf+rg)/2^60. The
// absolute values in a row add up to 2^60 at most.
type matrix struct{ u, v, q, r int64 }

// inversion is the memory of one inversion.
type inversion struct {
	f, g, d, e Number
	t          matrix
}

// New returns an Inverter for m, which is public.
func New(m *big.Int) *Inverter {
	n := m.BitLen()
	i := &Inverter{limbs: n/LimbBits + 1, batches: (45907*n+26313)/19929/LimbBits + 1, m: numberOf(m)}
	radix := new(big.Int).Lsh(big.NewInt(1), LimbBits)
	i.minv = radix.ModInverse(m, radix).Uint64()
	for k := range i.multiples {
		i.multiples[k] = numberOf(new(big.Int).Lsh(m, uint(k)))
	}
	return i
}

// numberOf returns x in limbs.
func numberOf(x *big.Int) (z Number) {
	rest, mask := new(big.Int).Set(x), big.NewInt(limbMask)
	for j := range z {
		z[j] = new(big.Int).And(rest, mask).Int64()
		rest.Rsh(rest, LimbBits)
	}
	return z
}

// Invert sets x to 1/x mod m, below m, for 0 < x < m. It leaves copies on the stack and nowhere
// else in memory.
func (i *Inverter) Invert(x *Number) {
	var s inversion
	s.f, s.g, s.e[0] = i.m, *x, 1
	zeta := int64(-1)
	for range i.batches {
		zeta = s.t.steps(zeta, uint64(s.f[0])|uint64(s.f[1])<<LimbBits, uint64(s.g[0])|uint64(s.g[1])<<LimbBits)
		s.apply(i)
		s.applyMod(i)
	}
	// f is 1 or -1, and d is above -8m and below 8m.
	sign := s.f[i.limbs-1] >> 63
	for j := range i.limbs {
		x[j] = (s.d[j] ^ sign) - sign
	}
	x.add(&i.multiples[3], -1, i.limbs)
	for k := 3; k >= 0; k-- {
		x.sub(&i.multiples[k], i.limbs)
		x.add(&i.multiples[k], x[i.limbs-1]>>63, i.limbs)
	}
	s = inversion{}
}

// add adds y where mask is all ones, and carries. A mask of 0 adds nothing.
func (x *Number) add(y *Number, mask int64, limbs int) {
	var c int64
	for j := range limbs {
		t := x[j] + y[j]&mask + c
		x[j], c = t&limbMask, t>>LimbBits
	}
	x[limbs-1] += c << LimbBits
}

// sub subtracts y, and carries.
func (x *Number) sub(y *Number, limbs int) {
	var c int64
	for j := range limbs {
		t := x[j] - y[j] + c
		x[j], c = t&limbMask, t>>LimbBits
	}
	x[limbs-1] += c << LimbBits
}

// steps makes 60 steps on the lowest bits of f and g. zeta is -(delta+1/2).
func (t *matrix) steps(zeta int64, f, g uint64) int64 {
	var half [2]matrix
	for k := range half {
		// A word has two coefficients, u and v or q and r: the first plus 2^32 times the second.
		// The absolute values of both stay below 2^31.
		uv, qr := uint64(1), uint64(1)<<32
		for range LimbBits / 2 {
			odd := -(g & 1)
			positive := uint64(zeta >> 63) // delta > 0
			swap := odd & positive
			// Where g is odd, add -f if delta > 0, else f. -f is ^f+1.
			g = g - swap + (f^positive)&odd
			qr = qr - swap + (uv^positive)&odd
			// Where f was subtracted, f + (g-f) is g.
			f += g & swap
			uv += qr & swap
			zeta = zeta ^ int64(swap) - 1
			g >>= 1
			uv <<= 1
		}
		half[k] = matrix{q: int64(int32(qr)), u: int64(int32(uv))}
		half[k].v = int64(uv-uint64(half[k].u)) >> 32
		half[k].r = int64(qr-uint64(half[k].q)) >> 32
	}
	a, b := &half[1], &half[0]
	*t = matrix{
		u: a.u*b.u + a.v*b.q, v: a.u*b.v + a.v*b.r,
		q: a.q*b.u + a.r*b.q, r: a.q*b.v + a.r*b.r,
	}
	return zeta
}

// sum is a signed number of 128 bits.
type sum struct{ hi, lo uint64 }

// add adds x·y, for y >= 0.
func (a *sum) add(x int64, y uint64) {
	hi, lo := bits.Mul64(uint64(x), y)
	hi -= uint64(x>>63) & y
	var c uint64
	a.lo, c = bits.Add64(a.lo, lo, 0)
	a.hi, _ = bits.Add64(a.hi, hi, c)
}

// addSigned adds x·y.
func (a *sum) addSigned(x, y int64) {
	a.hi -= uint64(y>>63) & uint64(x)
	a.add(x, uint64(y))
}

// shift drops the lowest limb and returns it.
func (a *sum) shift() int64 {
	low := int64(a.lo & limbMask)
	a.lo = a.lo>>LimbBits | a.hi<<(64-LimbBits)
	a.hi = uint64(int64(a.hi) >> LimbBits)
	return low
}

// apply sets f and g to (uf+vg)/2^60 and (qf+rg)/2^60. The division leaves no rest.
func (s *inversion) apply(i *Inverter) {
	t := s.t
	var a, b sum
	last := i.limbs - 1
	for j := range last {
		x, y := uint64(s.f[j]), uint64(s.g[j])
		a.add(t.u, x)
		a.add(t.v, y)
		b.add(t.q, x)
		b.add(t.r, y)
		lowA, lowB := a.shift(), b.shift()
		if j > 0 {
			s.f[j-1], s.g[j-1] = lowA, lowB
		}
	}
	x, y := s.f[last], s.g[last]
	a.addSigned(t.u, x)
	a.addSigned(t.v, y)
	b.addSigned(t.q, x)
	b.addSigned(t.r, y)
	s.f[last-1], s.g[last-1] = a.shift(), b.shift()
	s.f[last], s.g[last] = int64(a.lo), int64(b.lo)
}

// applyMod sets d and e to (ud+ve)/2^60 and (qd+re)/2^60 mod m. A multiple of m, at most 2^59·m in
// either direction, makes the division leave no rest. So each batch makes d and e grow by m/2 at
// most.
func (s *inversion) applyMod(i *Inverter) {
	t := s.t
	multiple := func(x, y int64) int64 {
		low := uint64(x*s.d[0]+y*s.e[0]) * i.minv
		return int64(-low<<(64-LimbBits)) >> (64 - LimbBits)
	}
	md, me := multiple(t.u, t.v), multiple(t.q, t.r)
	var a, b sum
	last := i.limbs - 1
	for j := range last {
		x, y, m := uint64(s.d[j]), uint64(s.e[j]), uint64(i.m[j])
		a.add(t.u, x)
		a.add(t.v, y)
		a.add(md, m)
		b.add(t.q, x)
		b.add(t.r, y)
		b.add(me, m)
		lowA, lowB := a.shift(), b.shift()
		if j > 0 {
			s.d[j-1], s.e[j-1] = lowA, lowB
		}
	}
	x, y, m := s.d[last], s.e[last], uint64(i.m[last])
	a.addSigned(t.u, x)
	a.addSigned(t.v, y)
	a.add(md, m)
	b.addSigned(t.q, x)
	b.addSigned(t.r, y)
	b.add(me, m)
	s.d[last-1], s.e[last-1] = a.shift(), b.shift()
	s.d[last], s.e[last] = int64(a.lo), int64(b.lo)
}
