package rsa

import "math/bits"

// Numbers of 64-bit words, least significant first, for preparing keys. This arithmetic takes the
// same time for all numbers of a length, because it sees secret primes and exponents. That is why
// it is not math/big.

// words reads a big-endian number into n words; it must fit.
func words(b []byte, n int) []uint64 {
	w := make([]uint64, n)
	for i := range b {
		j := len(b) - 1 - i
		w[j/8] |= uint64(b[i]) << (j % 8 * 8)
	}
	return w
}

// mask returns all ones if bit is 1, 0 if it is 0.
func mask(bit uint64) uint64 { return -bit }

// lessWords returns 1 if x < y, else 0.
func lessWords(x, y []uint64) (borrow uint64) {
	for i := range x {
		_, borrow = bits.Sub64(x[i], y[i], borrow)
	}
	return borrow
}

// equalWords returns 1 if x == y, else 0.
func equalWords(x, y []uint64) uint64 {
	var d uint64
	for i := range x {
		d |= x[i] ^ y[i]
	}
	return 1 ^ (d|-d)>>63
}

// addMasked sets z += y where m is all ones, and does nothing where it is 0. It returns the carry.
func addMasked(z, y []uint64, m uint64) (c uint64) {
	for i := range z {
		z[i], c = bits.Add64(z[i], y[i]&m, c)
	}
	return c
}

// reduceOnce subtracts n from x, or from x + 2^(64·len(x)) if carry is 1, unless that is below n.
// It subtracts n, then adds n or 0.
func reduceOnce(x, n []uint64, carry uint64) {
	var b uint64
	for i := range x {
		x[i], b = bits.Sub64(x[i], n[i], b)
	}
	addMasked(x, n, mask(b&^carry))
}

// doubleMod sets x = 2x + bit mod n, for x < n.
func doubleMod(x, n []uint64, bit uint64) {
	for i := range x {
		x[i], bit = x[i]<<1|bit, x[i]>>63
	}
	reduceOnce(x, n, bit)
}

// mod returns x mod n, for n with its top bit set. It subtracts n for each bit that x has more than
// n, and for 64 more.
func mod(x, n []uint64) []uint64 {
	r := make([]uint64, len(n))
	more := len(x) - len(n) + 1
	copy(r, x[more:])
	for i := more - 1; i >= 0; i-- {
		for b := 63; b >= 0; b-- {
			doubleMod(r, n, x[i]>>b&1)
		}
	}
	return r
}

// wordModulus computes modulo an odd n that has its top bit set, by Montgomery's method with
// W = 2^(64·len(n)). One goroutine at a time may use it. It holds secrets: call wipe when done.
type wordModulus struct {
	n []uint64
	k uint64   // -1/n mod 2^64
	t []uint64 // scratch
}

func newWordModulus(n []uint64) *wordModulus {
	// Newton: each step doubles the bits of 1/n that are right, starting from n·n = 1 mod 8.
	inv := n[0]
	for range 5 {
		inv *= 2 - n[0]*inv
	}
	return &wordModulus{n: n, k: -inv, t: make([]uint64, 2*len(n))}
}

func (m *wordModulus) wipe() {
	clear(m.t)
	m.k = 0
}

// mul sets z = x·y/W mod n, for x·y below n·W.
func (m *wordModulus) mul(z, x, y []uint64) {
	w, t := len(m.n), m.t
	clear(t)
	var c uint64
	for i, d := range x[:w] {
		c1 := addMulWord(t[i:i+w], y, d)
		c2 := addMulWord(t[i:i+w], m.n, t[i]*m.k)
		t[i+w], c = bits.Add64(c1, c2, c)
	}
	copy(z, t[w:])
	reduceOnce(z, m.n, c)
}

// halve sets x = x/2^times mod n, for x < n and times up to 64.
func (m *wordModulus) halve(x []uint64, times int) {
	c := addMulWord(x, m.n, x[0]*m.k<<(64-times)>>(64-times))
	for i := range x[:len(x)-1] {
		x[i] = x[i]>>times | x[i+1]<<(64-times)
	}
	last := len(x) - 1
	x[last] = x[last]>>times | c<<(64-times)
	reduceOnce(x, m.n, c>>times)
}

// powerOfTwo sets z = 2^e mod n, for e of 64·len(n) or more. The time depends on e.
func (m *wordModulus) powerOfTwo(z []uint64, e int) {
	// That is 2^(e-64·len(n)) in Montgomery form. It begins as W mod n = W - n, that is 1.
	clear(z)
	reduceOnce(z, m.n, 1)
	e -= 64 * len(m.n)
	// Six bits of the exponent by doubling, the others by squaring.
	i := max(bits.Len(uint(e))-6, 0)
	for range e >> i {
		doubleMod(z, m.n, 0)
	}
	for i--; i >= 0; i-- {
		m.mul(z, z, z)
		if e>>i&1 == 1 {
			doubleMod(z, m.n, 0)
		}
	}
}

// isInverse returns 1 if x·y = 1 mod n, for x < n.
func (m *wordModulus) isInverse(x, y []uint64) uint64 {
	a, one := make([]uint64, len(m.n)), make([]uint64, len(m.n))
	one[0] = 1
	m.mul(a, x, y)
	m.mul(one, one, one)
	ok := equalWords(a, one)
	// W times one is one more than a multiple of n, which may be secret.
	wipe(a, one)
	return ok
}

// addMulWord sets z += x·y, and returns the carry.
func addMulWord(z, x []uint64, y uint64) (c uint64) {
	x = x[:len(z)]
	for i := range z {
		hi, lo := bits.Mul64(x[i], y)
		var k uint64
		lo, k = bits.Add64(lo, z[i], 0)
		hi += k
		z[i], k = bits.Add64(lo, c, 0)
		c = hi + k
	}
	return c
}

// mulWords returns x·y.
func mulWords(x, y []uint64) []uint64 {
	z := make([]uint64, len(x)+len(y))
	for i := range x {
		z[i+len(y)] = addMulWord(z[i:i+len(y)], y, x[i])
	}
	return z
}

// bitsOf returns the five-bit (or narrower) field of x that begins at bit pos; bits beyond x are 0.
func bitsOf(x []uint64, pos, width int) uint64 {
	i, s := pos/64, pos%64
	if i >= len(x) {
		return 0
	}
	v := x[i] >> s
	if s != 0 && i+1 < len(x) {
		v |= x[i+1] << (64 - s)
	}
	return v & (1<<width - 1)
}

// toDigits splits x into 52-bit digits.
func toDigits(d []uint64, x []uint64) {
	for i := range d {
		d[i] = bitsOf(x, i*digitBits, digitBits)
	}
}
