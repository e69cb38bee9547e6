package rsa

import "math/bits"

// verifier raises signatures to the public exponents. Exponents are public, so the code branches on
// them.
type verifier struct {
	acc, sm, tmp []vec // full width
}

// power sets acc = s^e mod n, below n, for s < 5n. e is 0 in lanes without a request, and odd and
// above 1 in the others.
//
// All lanes square together, down to the lowest bit of their exponents. A lane with a shorter
// exponent sets out from s when its highest bit is due, and before that its numbers mean nothing.
// So 65537 and 3 cost in one batch what 65537 costs.
func (v *verifier) power(f *field, s []vec, e *[lanes]uint32) {
	var all uint32
	for _, x := range e {
		all |= x
	}
	f.montgomery(v.sm, s)
	copy(v.acc, v.sm)
	squarings := 0
	for i := bits.Len32(all) - 2; i >= 0; i-- {
		squarings++
		if all>>i&1 == 0 {
			continue
		}
		v.square(f, squarings)
		squarings = 0
		by := v.sm
		if i == 0 {
			by = s // multiplication by s itself leaves Montgomery form
		}
		v.multiply(f, by, i, e)
	}
	canonical(v.acc, f.n())
}

// multiply multiplies acc in the lanes whose exponent has bit i set, or sets it to sm where that is
// the highest bit.
func (v *verifier) multiply(f *field, by []vec, i int, e *[lanes]uint32) {
	var multiply, keep bool
	for _, x := range e {
		multiply = multiply || x>>i > 1 && x>>i&1 == 1
		keep = keep || x>>i > 1 && x>>i&1 == 0
	}
	to := v.acc
	if keep {
		to = v.tmp
	}
	if multiply {
		f.mul(to, v.acc, by)
	}
	for l, x := range e {
		switch {
		case x>>i == 1:
			copyLane(v.acc, v.sm, l)
		case keep && x>>i&1 == 1:
			copyLane(v.acc, v.tmp, l)
		}
	}
}

// copyLane copies lane l.
func copyLane(dst, src []vec, l int) {
	for i := range dst {
		dst[i][l] = src[i][l]
	}
}

// square squares acc n times, in calls short enough that the scheduler can stop this goroutine
// between them.
func (v *verifier) square(f *field, n int) {
	for n > 0 {
		k := min(n, 2)
		v.squareBit(f, k)
		n -= k
	}
}

//go:noinline
func (v *verifier) squareBit(f *field, n int) { f.sqr(v.acc, v.acc, n) }

// equal returns all ones in the lanes where a and b agree.
func equal(a, b []vec) (m vec) {
	for i := range a {
		for l := range m {
			m[l] |= a[i][l] ^ b[i][l]
		}
	}
	for l := range m {
		m[l] = uint64(int64(m[l]-1)>>63) & uint64(^int64(m[l])>>63)
	}
	return m
}
