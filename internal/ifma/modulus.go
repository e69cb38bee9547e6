package ifma

// layout is how a modulus of d digits is kept:
//
//	word 0    k = -1/n mod 2^52
//	d words   n
//	d words   2^-52 mod n, where the kernels fold
//	d words   R² mod n
//	d words   R³ mod n, for numbers of up to twice the width
//
// A key has these in its own digits, a workspace in the lanes. Kernels read no further than 2^-52.
type layout struct{ d int }

func layoutFor(d int) layout { return layout{d} }

// folds says whether the kernels for so many digits fold. The one for the widest numbers, which only verifies, takes the
// classical step for each digit.
func (y layout) folds() bool { return y.d <= 40 }

const offK, offN = 0, 1

func (y layout) fold() int { return 1 + y.d }
func (y layout) rr() int   { return 1 + 2*y.d }
func (y layout) rrr() int  { return 1 + 3*y.d }
func (y layout) size() int { return 1 + 4*y.d }

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
	if y.folds() {
		x[0] = 1
		for range digitBits {
			halveMod(x, n)
		}
		toDigits(dst[y.fold():y.fold()+y.d], x)
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
