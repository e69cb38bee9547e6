package ifma

import "unsafe"

const (
	lanes     = 8
	digitBits = 52
	digitMask = 1<<digitBits - 1
)

// vec is one digit of eight numbers. Kernels load and store it as one 512-bit word.
type vec [lanes]uint64

// newVecs returns n words on a 64-byte boundary: a word that straddles two cache lines costs a kernel 15% of its
// speed. The memory holds no pointers, so the collector neither scans nor copies it.
func newVecs(n int) []vec {
	buf := make([]uint64, n*lanes+lanes-1)
	off := 0
	for uintptr(unsafe.Pointer(&buf[off]))%64 != 0 {
		off++
	}
	return unsafe.Slice((*vec)(unsafe.Pointer(&buf[off])), n)
}

// digitsFor returns the number of digits that the kernels use for a modulus of so many bits, or 0 if there are none.
// There are always at least 12 bits above the modulus.
func digitsFor(bits int) int {
	switch bits {
	case 1024:
		return 20
	case 1536:
		return 30
	case 2048:
		return 40
	case 3072:
		return 60
	case 4096:
		return 80
	}
	return 0
}

// setBytes writes the big-endian number b into lane l of dst; digits beyond b become 0. b must fit.
func setBytes(dst []vec, l int, b []byte) {
	var acc uint64
	bits, d := 0, 0
	for i := len(b) - 1; i >= 0; i-- {
		acc |= uint64(b[i]) << bits
		bits += 8
		if bits >= digitBits {
			dst[d][l] = acc & digitMask
			acc >>= digitBits
			bits -= digitBits
			d++
		}
	}
	if d < len(dst) {
		dst[d][l] = acc
		d++
	}
	for ; d < len(dst); d++ {
		dst[d][l] = 0
	}
}

// bytesOf writes lane l of src into b, big-endian, keeping as many low bytes as b holds.
func bytesOf(b []byte, src []vec, l int) {
	var acc uint64
	bits, d := 0, 0
	for i := len(b) - 1; i >= 0; i-- {
		if bits < 8 {
			// At most 7 + 52 bits: nothing is lost.
			var next uint64
			if d < len(src) {
				next = src[d][l]
			}
			acc |= next << bits
			bits += digitBits
			d++
		}
		b[i] = byte(acc)
		acc >>= 8
		bits -= 8
	}
}

// setDigits copies the digits s into lane l of dst; digits beyond s become 0.
func setDigits(dst []vec, l int, s []uint64) {
	for i, x := range s {
		dst[i][l] = x
	}
	for i := len(s); i < len(dst); i++ {
		dst[i][l] = 0
	}
}

// carry brings the digits of a non-negative number back below 2^52. What is above the last digit is lost: callers know
// that there is nothing.
func carry(a []vec) {
	var c vec
	for i := range a {
		for l := range c {
			// Digits may be negative in between: the arithmetic shift borrows.
			t := int64(a[i][l]) + int64(c[l])
			a[i][l] = uint64(t) & digitMask
			c[l] = uint64(t >> digitBits)
		}
	}
}

// less returns all ones in each lane where a < b, else 0. Digits are below 2^52.
func less(a, b []vec) (m vec) {
	for i := range a {
		for l := range m {
			m[l] = uint64(int64(a[i][l]-b[i][l]+m[l]) >> digitBits)
		}
	}
	for l := range m {
		m[l] = uint64(int64(m[l]) >> 63)
	}
	return m
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

// canonical takes a below 4n to a mod n.
func canonical(a, n []vec) {
	subIfNotLess(a, n, 1)
	subIfNotLess(a, n, 0)
}
