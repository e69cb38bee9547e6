package ifma

import "math/bits"

// verifier raises signatures to the public exponents. Exponents are public, so the code branches on
// them.
type verifier struct {
	acc, sm, tmp []vec // full width
}

// power sets acc = s^e mod n, below n, for s < 5n. e is 0 in lanes without a request, and odd in
// the others. one is the number 1.
func (v *verifier) power(f *field, s, one []vec, e *[lanes]uint32) {
	var all, differ uint32
	for _, x := range e {
		all |= x
	}
	for _, x := range e {
		if x != 0 {
			differ |= x ^ all
		}
	}
	f.montgomery(v.sm, s)
	if differ == 0 {
		v.same(f, s, all)
	} else {
		v.mixed(f, s, one, e, all)
	}
	canonical(v.acc, f.n())
}

// same raises to one exponent in all lanes. The last multiplication is by s itself, which leaves
// Montgomery form: e is odd.
func (v *verifier) same(f *field, s []vec, e uint32) {
	copy(v.acc, v.sm)
	squarings := 0
	for i := bits.Len32(e) - 2; i >= 0; i-- {
		squarings++
		if e>>i&1 == 0 {
			continue
		}
		v.square(f, squarings)
		squarings = 0
		if i > 0 {
			f.mul(v.acc, v.acc, v.sm)
		} else {
			f.mul(v.acc, v.acc, s)
		}
	}
}

// mixed multiplies in every step and keeps the product in the lanes whose exponent has the bit
// set.
func (v *verifier) mixed(f *field, s, one []vec, e *[lanes]uint32, all uint32) {
	f.montgomery(v.acc, one)
	for i := bits.Len32(all) - 1; i >= 0; i-- {
		v.square(f, 1)
		by := v.sm
		if i == 0 {
			by = s
		}
		f.mul(v.tmp, v.acc, by)
		for l, x := range e {
			if x>>i&1 == 0 {
				continue
			}
			for j := range v.acc {
				v.acc[j][l] = v.tmp[j][l]
			}
		}
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
