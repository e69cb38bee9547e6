package rsa

import "math/bits"

// The reference implementation: it computes the same as each kernel, one lane after another, in
// the plainest Go. A kernel and its reference agree in every bit, for every input. Tests compare
// them. Nothing else uses the reference; ifma.AllowReference says why.

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

// mulAddReference sets s = a·b + c.
func mulAddReference(s, a, b, c []vec) {
	clear(s)
	copy(s, c)
	for i := range a {
		for l := range lanes {
			var k uint64
			for j := range b {
				hi, lo := bits.Mul64(a[i][l], b[j][l])
				// Below (2^52-1)² + 2·(2^52-1) < 2^104.
				lo, cc := bits.Add64(lo, s[i+j][l]+k, 0)
				s[i+j][l], k = lo&digitMask, (hi+cc)<<12|lo>>digitBits
			}
			s[i+len(b)][l] = k
		}
	}
}

// folds returns the numbers of digits that the kernels fold, one step after another. They leave one
// digit.
func (y layout) folds() (steps []int) {
	left := y.d
	for left > 1 {
		k := 1
		switch {
		case left == y.d && y.twenty() > 0:
			k = 2 * block
		case left > block && !y.schoolbook:
			k = block
		}
		steps = append(steps, k)
		left -= k
	}
	return steps
}

// reduceReference divides t by R modulo lane l of mod. It folds, and removes the last digit the
// classical way.
func (y layout) reduceReference(t []uint64, mod []vec, l int) {
	shift := func(n int) {
		copy(t, t[n:])
		clear(t[len(t)-n:])
	}
	constants := map[int]int{1: y.fold(), block: y.foldTen(), 2 * block: y.foldTwenty()}
	for _, n := range y.folds() {
		low := append([]uint64(nil), t[:n]...)
		shift(n)
		for i, x := range low {
			addMul(t[i:], x, mod[constants[n]:][:y.d], l)
		}
	}
	addMul(t, t[0]*mod[offK][l]&digitMask, mod[offN:][:y.d], l)
	shift(1)
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

// canonicalReference replaces a, which is below 8n, by a mod n.
func canonicalReference(a, n []vec) {
	subIfNotLess(a, n, 2)
	subIfNotLess(a, n, 1)
	subIfNotLess(a, n, 0)
}

// subIfNotLess subtracts n<<shift from a in each lane where a is not less than it.
func subIfNotLess(a, n []vec, shift uint) {
	var borrow vec
	for i := range a {
		for l := range borrow {
			borrow[l] = uint64(int64(a[i][l]-n[i][l]<<shift+borrow[l]) >> digitBits)
		}
	}
	// borrow is now 0 where a >= n<<shift, and negative elsewhere.
	var keep, c vec
	for l := range keep {
		keep[l] = ^uint64(int64(borrow[l]) >> 63)
	}
	for i := range a {
		for l := range c {
			t := int64(a[i][l] - (n[i][l]<<shift)&keep[l] + c[l])
			a[i][l] = uint64(t) & digitMask
			c[l] = uint64(t >> digitBits)
		}
	}
}
