package ifma

// layout is how a modulus of d digits is kept:
//
//	word 0    k = -1/n mod 2^52
//	d words   n
//	d words   2^-52 mod n, where the kernels fold one digit
//	d words   2^-520 mod n, where they fold ten digits at once
//	d words   2^-1040 mod n, where they fold twenty, for four blocks only, and
//	22 words  m0-m1 and m2-m3, modulo 2^520, for blocks m of that, and all ones for each that is below zero
//	d words   R² mod n
//	d words   R³ mod n, for numbers of up to twice the width
//
// A key has these in its own digits, a workspace in the lanes. Kernels are told where it begins and read no
// further than what they fold with; R² and R³ they get as factors.
type layout struct{ d int }

func layoutFor(d int) layout { return layout{d} }

// folds says whether the kernels for so many digits fold. The one for the widest numbers, which only verifies, takes the
// classical step for each digit.
func (y layout) folds() bool { return y.d <= 40 }

const offK, offN = 0, 1

func (y layout) fold() int    { return 1 + y.d }
func (y layout) foldTen() int { return 1 + 2*y.d }
func (y layout) rr() int      { return 1 + 3*y.d + y.twenty() }
func (y layout) rrr() int     { return y.rr() + y.d }
func (y layout) size() int    { return y.rrr() + y.d }

// block is the number of digits that the kernels fold at once.
const block = 10

func (y layout) foldTwenty() int { return 1 + 3*y.d }

// twenty is the number of words for folding twenty digits.
func (y layout) twenty() int {
	if y.d != 4*block {
		return 0
	}
	return y.d + 2*block + 2
}

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

// bits returns the width of the moduli that have so many digits.
func (y layout) bits() int {
	for _, b := range []int{1024, 1536, 2048, 3072, 4096} {
		if digitsFor(b) == y.d {
			return b
		}
	}
	return 0
}

// differences fills in what goes with 2^-1040.
func (y layout) differences(dst []uint64) {
	m := dst[y.foldTwenty():][:y.twenty()]
	for i := range 2 {
		m[y.d+2*block+i] = subDigits(m[y.d+block*i:][:block], m[2*block*i:], m[2*block*i+block:])
	}
}

// subDigits sets z = x-y modulo 2^(52·len(z)) and returns all ones if that is below zero, else 0.
func subDigits(z, x, y []uint64) (below uint64) {
	for i := range z {
		t := x[i] - y[i] + below
		z[i], below = t&digitMask, uint64(int64(t)>>digitBits)
	}
	return below
}
