package curve25519

// ladderSteps is how many steps of the ladder one call of the kernel does: nothing can stop a
// goroutine in it.
const ladderSteps = 32

// X25519 computes n shared secrets at once: out[i] becomes X25519(scalars[i], points[i]) of RFC
// 7748, section 5, for i below n. All have 32 bytes. The top bit of a point is ignored. Bit i of
// nonzero is set if the secret is not all zero. A secret that is all zero comes from a point of a
// small order, and must not be used; it is also what an operation of a wrong length gets.
//
// The time depends on neither scalars nor points.
func (w *Workspace) X25519(out, scalars, points *[MaxBatch][]byte, n int) (nonzero uint8) {
	defer w.wipe()
	var live uint8
	clear(w.point[:pointValue])
	for l := range lanes {
		s, u := words{}, words{9}
		if l < n && len(out[l]) == ScalarSize && len(scalars[l]) == ScalarSize && len(points[l]) == ScalarSize {
			live |= 1 << l
			s, u = clamped(scalars[l]), wordsOf(points[l])
			u[3] &= 1<<63 - 1
		}
		// A step swaps where a bit of the scalar differs from the one above it.
		for i := range s {
			above := s[i] >> 1
			if i < 3 {
				above |= s[i+1] << 63
			}
			w.swaps[i][l] = s[i] ^ above
		}
		w.point[ladderX2][l] = 1
		w.point[ladderZ3][l] = 1
		setLane(w.point[ladderX3:], l, u.digits())
		setLane(w.point[ladderX1:], l, u.digits())
	}
	for i := 3; i >= 0; i-- {
		for j := range 64 / ladderSteps {
			ladder(w.point, &w.swaps[i], ladderSteps)
			for l := range lanes {
				w.swaps[i][l] <<= ladderSteps
			}
			w.at(stepLadder, 64/ladderSteps*(3-i)+j)
		}
	}
	// The scalar's lowest bit is 0, so nothing is swapped after the last step.
	inverse := w.t[:5]
	invert(inverse, w.point[ladderZ2:], w.t[15:])
	mul(inverse, inverse, w.point[ladderX2:])
	return results(out, inverse, live, n)
}

// clamped returns the scalar that RFC 7748 and RFC 8032 make of 32 bytes.
func clamped(b []byte) words {
	s := wordsOf(b)
	s[0] &^= 7
	s[3] &= 1<<63 - 1
	s[3] |= 1 << 62
	return s
}

// BasePoint computes n public keys at once: out[i] becomes X25519(scalars[i], 9), for i below n.
// All have 32 bytes. Bit i of ok is set if the lengths are right. The time does not depend on the
// scalars.
func (w *Workspace) BasePoint(out, scalars *[MaxBatch][]byte, n int) (ok uint8) {
	defer w.wipe()
	var live uint8
	for l := range lanes {
		w.scalars[l] = words{}
		if l < n && len(out[l]) == ScalarSize && len(scalars[l]) == ScalarSize {
			live |= 1 << l
			s := clamped(scalars[l])
			w.scalars[l] = reduce(&wide{s[0], s[1], s[2], s[3]})
		}
	}
	w.multiplyBase(&w.scalars, n)
	// The point of curve25519 has u = (1+y)/(1-y), RFC 7748, section 4.1.
	plus, minus, inverse := w.t[:5], w.t[5:10], w.t[10:15]
	for l := range min(n, lanes) {
		y, z := canonical(lane(w.point[pointY:], l)), canonical(lane(w.point[pointZ:], l))
		var zero, u words
		u.subtractMod(&zero, &y)
		u.subtractMod(&z, &u)
		setLane(plus, l, u.digits())
		u.subtractMod(&z, &y)
		setLane(minus, l, u.digits())
	}
	invert(inverse, minus, w.t[15:])
	mul(inverse, inverse, plus)
	return results(out, inverse, live, n)
}

// results writes the numbers of the lanes that are live to out, and zeros for the others of the
// first n. It returns the lanes whose number is not zero.
func results(out *[lanes][]byte, x []vec, live uint8, n int) (nonzero uint8) {
	for l := range min(n, lanes) {
		if len(out[l]) != ScalarSize {
			continue
		}
		clear(out[l])
		if live>>l&1 == 1 {
			u := canonical(lane(x, l))
			u.put(out[l])
			nonzero |= uint8(1^u.isZero()) << l
		}
	}
	return nonzero
}
