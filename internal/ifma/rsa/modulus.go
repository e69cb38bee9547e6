package rsa

// layout describes how a modulus of d digits and its constants are stored:
//
//	word 0    k = -1/n mod 2^52
//	d words   n
//	d words   2^-52 mod n, for folding one digit
//	d words   2^-520 mod n, for folding ten digits at once
//	d words   2^-1040 mod n, for folding twenty; for d = 40 only, and with it
//	22 words  m0-m1 and m2-m3, modulo 2^520, where m0 to m3 are the blocks of 2^-1040 mod n,
//	          then all ones for each difference that is below zero
//	d words   R² mod n
//	d words   R³ mod n, for numbers of up to twice the width
//
// A key holds these as digits of its own, a workspace as digits of eight keys. Kernels get the
// address of word 0 and read no further than the constants for folding; they get R² and R³ as
// factors.
//
// With schoolbook, the kernels of that set compute with them; see [Kernels].
type layout struct {
	d          int
	schoolbook bool
}

// layoutFor returns the layout for d digits, with the kernels that were chosen for it.
func layoutFor(d int) layout { return layout{d, d == 2*block && chosen().set == schoolbook} }

const offK, offN = 0, 1

func (y layout) fold() int    { return 1 + y.d }
func (y layout) foldTen() int { return 1 + 2*y.d }
func (y layout) rr() int      { return 1 + 3*y.d + y.twenty() }
func (y layout) rrr() int     { return y.rr() + y.d }
func (y layout) size() int    { return y.rrr() + y.d }

// block is the number of digits in a block, which the kernels fold at once.
const block = 10

func (y layout) foldTwenty() int { return 1 + 3*y.d }

// twenty returns the number of words for folding twenty digits.
func (y layout) twenty() int {
	if y.d != 4*block {
		return 0
	}
	return y.d + 2*block + 2
}

// prepare fills dst, of y.size() digits, with the constants of n, which must be odd and have its
// top bit set.
func (y layout) prepare(dst, n []uint64) {
	clear(dst)
	m := newWordModulus(n)
	defer m.wipe()
	dst[offK] = m.k & digitMask
	toDigits(dst[offN:][:y.d], n)
	x := make([]uint64, len(n))
	defer clear(x)
	// Dividing 1 by 2^52 again and again passes all constants for folding.
	x[0] = 1
	for i := 1; i <= 2*block; i++ {
		m.halve(x, digitBits)
		switch {
		case i == 1:
			toDigits(dst[y.fold():][:y.d], x)
		case i == block:
			toDigits(dst[y.foldTen():][:y.d], x)
		case i == 2*block && y.twenty() > 0:
			toDigits(dst[y.foldTwenty():][:y.d], x)
			y.differences(dst)
		}
	}
	m.powerOfTwo(x, 2*y.d*digitBits)
	toDigits(dst[y.rr():][:y.d], x)
	// R³ = R⁴/R, and the multiplication divides by all of R but the bits above its last whole word.
	m.mul(x, x, x)
	m.halve(x, y.d*digitBits-64*len(n))
	toDigits(dst[y.rrr():][:y.d], x)
}

// bits returns the width of the moduli that have y.d digits.
func (y layout) bits() int {
	for _, b := range []int{1024, 1536, 2048, 3072, 4096} {
		if digitsFor(b) == y.d {
			return b
		}
	}
	return 0
}

// differences fills in the differences of the blocks of 2^-1040 mod n.
func (y layout) differences(dst []uint64) {
	m := dst[y.foldTwenty():][:y.twenty()]
	for i := range 2 {
		m[y.d+2*block+i] = subDigits(m[y.d+block*i:][:block], m[2*block*i:], m[2*block*i+block:])
	}
}

// subDigits sets z = x-y modulo 2^(52·len(z)). It returns all ones if x-y is below zero, else 0.
func subDigits(z, x, y []uint64) (below uint64) {
	for i := range z {
		t := x[i] - y[i] + below
		z[i], below = t&digitMask, uint64(int64(t)>>digitBits)
	}
	return below
}
