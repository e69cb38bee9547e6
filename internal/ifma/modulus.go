package ifma

// A modulus as the kernels want it, with D digits:
//
//	word 0        k = -1/n mod 2^52
//	then D words  n
//	then D words  2^(-52·b) mod n for each entry b of folds(D)
//
// and, after what the kernels read, the constants of the exponentiation:
//
//	D words       R² mod n
//	D words       R³ mod n, for numbers of up to twice the width
//
// A key holds these in its own digits, a workspace in the lanes.
type layout struct {
	d     int
	folds []int
}

func layoutFor(d int) layout { return layout{d, folds(d)} }

// folds says how a product of 2d digits is brought down to d digits and the last classical step: one digit block
// after another, from the largest. A block of b digits leaves at least b digits of excess, so blocks can't grow, and the
// single digits come last, as many as are left (d-1 less the blocks).
func folds(d int) []int {
	switch d {
	case 20, 30, 40:
		return []int{1}
	}
	return nil // classical steps only
}

const offK, offN = 0, 1

func (y layout) fold(i int) int { return 1 + y.d*(1+i) }
func (y layout) rr() int        { return y.fold(len(y.folds)) }
func (y layout) rrr() int       { return y.rr() + y.d }
func (y layout) size() int      { return y.rrr() + y.d }

// prepare fills dst, of y.size() digits, for the odd modulus n, whose top bit is set.
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
	for i, b := range y.folds {
		clear(x)
		x[0] = 1
		for range b * digitBits {
			halveMod(x, n)
		}
		toDigits(dst[y.fold(i):y.fold(i)+y.d], x)
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

// bits returns the width of the moduli that have so many digits.
func (y layout) bits() int {
	for _, b := range []int{1024, 1536, 2048, 3072, 4096} {
		if digitsFor(b) == y.d {
			return b
		}
	}
	return 0
}
