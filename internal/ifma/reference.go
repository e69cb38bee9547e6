package ifma

import "math/bits"

// The reference implementation: it computes the same as each kernel, one lane after another, in
// the plainest Go. A kernel and its reference agree in every bit, for every input. Tests compare
// them. Nothing else uses the reference; allowReference says why.

// mulReference sets dst = a·b/R mod n. The result is below 5n if a and b are.
func mulReference(y layout, dst, a, b, mod []vec) {
	t := make([]uint64, 2*y.d+1)
	for l := range lanes {
		clear(t)
		for i := range y.d {
			addMul(t[i:], b[i][l], a, l)
		}
		y.reduceReference(t, mod, l)
		for i := range y.d {
			dst[i][l] = t[i]
		}
	}
}

// sqrReference sets dst = a^(2^n)/R^(2^n-1) mod n.
func sqrReference(y layout, dst, a, mod []vec, n int) {
	copy(dst[:y.d], a)
	for range n {
		mulReference(y, dst, dst, dst, mod)
	}
}

// addMul adds x times lane l of a to t.
func addMul(t []uint64, x uint64, a []vec, l int) {
	var c uint64
	for j := range a {
		if j >= len(t) {
			return
		}
		hi, lo := bits.Mul64(x, a[j][l])
		var k uint64
		lo, k = bits.Add64(lo, t[j], 0)
		hi += k
		lo, k = bits.Add64(lo, c, 0)
		hi += k
		t[j], c = lo&digitMask, hi<<12|lo>>digitBits
	}
	for j := len(a); j < len(t); j++ {
		c += t[j]
		t[j], c = c&digitMask, c>>digitBits
	}
}

// reduceReference divides t by R modulo lane l of mod, one digit after another.
func (y layout) reduceReference(t []uint64, mod []vec, l int) {
	left := y.d
	if y.folds() {
		fold := func(n, by int) {
			low := append([]uint64(nil), t[:n]...)
			copy(t, t[n:])
			clear(t[len(t)-n:])
			for i, x := range low {
				addMul(t[i:], x, mod[by:][:y.d], l)
			}
			left -= n
		}
		if y.twenty() > 0 {
			fold(2*block, y.foldTwenty())
		}
		for left > block {
			fold(block, y.foldTen())
		}
	}
	for ; left > 0; left-- {
		low := t[0]
		if y.folds() && left > 1 {
			copy(t, t[1:])
			t[len(t)-1] = 0
			addMul(t, low, mod[y.fold():][:y.d], l)
		} else {
			addMul(t, low*mod[offK][l]&digitMask, mod[offN:][:y.d], l)
			copy(t, t[1:])
			t[len(t)-1] = 0
		}
	}
}

// selectReference copies entry idx[l] of a table of 32 numbers of d digits into each lane l of dst.
// Digit i of entry j is at table[tableSize*i+j].
func selectReference(dst, table []vec, idx *vec) {
	for i := range dst {
		for l := range lanes {
			dst[i][l] = table[tableSize*i+int(idx[l])][l]
		}
	}
}

// windowReference squares a five times and multiplies it by entry idx[l] of the table in each lane
// l.
func windowReference(y layout, dst, a, mod, table []vec, idx *vec) {
	entry := make([]vec, y.d)
	selectReference(entry, table, idx)
	sqrReference(y, dst, a, mod, windowBits)
	mulReference(y, dst, dst, entry, mod)
}
