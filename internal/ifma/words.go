package ifma

import "math/bits"

// Numbers of 64-bit words, least significant first, for preparing keys. This arithmetic is slow,
// and it takes the same time for all numbers of a length, because it sees secret primes and
// exponents. That is why it is not math/big.

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

// doubleMod sets x = 2x + bit mod n, for x < n. It subtracts n, then adds n or 0.
func doubleMod(x, n []uint64, bit uint64) {
	for i := range x {
		x[i], bit = x[i]<<1|bit, x[i]>>63
	}
	var b uint64
	for i := range x {
		x[i], b = bits.Sub64(x[i], n[i], b)
	}
	// The difference is below zero unless the doubling carried out.
	addMasked(x, n, mask(b&^bit))
}

// halveMod sets x = x/2 mod n for odd n and x < n.
func halveMod(x, n []uint64) {
	c := addMasked(x, n, mask(x[0]&1))
	for i := range x[:len(x)-1] {
		x[i] = x[i]>>1 | x[i+1]<<63
	}
	x[len(x)-1] = x[len(x)-1]>>1 | c<<63
}

// mod returns x mod n.
func mod(x, n []uint64) []uint64 {
	r := make([]uint64, len(n))
	for i := len(x) - 1; i >= 0; i-- {
		for b := 63; b >= 0; b-- {
			doubleMod(r, n, x[i]>>b&1)
		}
	}
	return r
}

// mulWords returns x·y.
func mulWords(x, y []uint64) []uint64 {
	z := make([]uint64, len(x)+len(y))
	for i := range x {
		var c uint64
		for j := range y {
			hi, lo := bits.Mul64(x[i], y[j])
			var k uint64
			lo, k = bits.Add64(lo, z[i+j], 0)
			hi += k
			lo, k = bits.Add64(lo, c, 0)
			z[i+j], c = lo, hi+k
		}
		z[i+len(y)] = c
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
