package ifma

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
type layout struct{ d int }

func layoutFor(d int) layout { return layout{d} }

// folds reports whether the kernels for d digits fold. The kernel for the widest numbers, which
// only verifies, takes the classical step for each digit.
func (y layout) folds() bool { return y.d <= 40 }

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

	// Newton: each step doubles the bits of 1/n that are right, starting from n·n = 1 mod 8.
	inv := n[0]
	for range 5 {
		inv *= 2 - n[0]*inv
	}
	dst[offK] = -inv & digitMask
	toDigits(dst[offN:offN+y.d], n)

	x := make([]uint64, len(n))
	if y.folds() {
		x[0] = 1
		for range digitBits {
			halveMod(x, n)
		}
		toDigits(dst[y.fold():][:y.d], x)
		for range (block - 1) * digitBits {
			halveMod(x, n)
		}
		toDigits(dst[y.foldTen():][:y.d], x)
		if y.twenty() > 0 {
			for range block * digitBits {
				halveMod(x, n)
			}
			toDigits(dst[y.foldTwenty():][:y.d], x)
			y.differences(dst)
		}
	}

	clear(x)
	x[0] = 1
	for range 2 * y.d * digitBits {
		doubleMod(x, n, 0)
	}
	toDigits(dst[y.rr():y.rr()+y.d], x)
	for range y.d * digitBits {
		doubleMod(x, n, 0)
	}
	toDigits(dst[y.rrr():y.rrr()+y.d], x)
	clear(x)
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
