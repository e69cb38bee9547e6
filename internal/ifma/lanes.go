package ifma

import (
	"encoding/binary"
	"unsafe"
)

const (
	lanes     = 8
	digitBits = 52
	digitMask = 1<<digitBits - 1
)

// vec is one digit of eight numbers. Kernels load and store it as one 512-bit word.
type vec [lanes]uint64

// newVecs returns n words on a boundary of 64 words. A word that straddles two cache lines costs a
// kernel 15% of its speed; field.go says why the boundary is that of 64. The memory holds no
// pointers, so the collector neither scans nor copies it.
func newVecs(n int) []vec {
	const page = 64 * lanes
	buf := make([]uint64, n*lanes+page-1)
	off := -int(uintptr(unsafe.Pointer(&buf[0]))/8) & (page - 1)
	return unsafe.Slice((*vec)(unsafe.Pointer(&buf[off])), n)
}

// arena hands out words of its memory. Without memory it counts them.
type arena struct {
	mem  []vec
	used int
}

// take returns n words, of which the first has the given alignment: its number modulo 64.
func (a *arena) take(n, alignment int) []vec {
	a.used += (alignment - a.used) & 63
	from := a.used
	a.used += n
	if a.mem == nil {
		return nil
	}
	return a.mem[from:a.used:a.used]
}

// digitsFor returns the number of digits that the kernels use for a modulus of the given width in
// bits, or 0 if there are no kernels for it. There are at least 16 bits above the modulus.
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

// setBytes writes the big-endian number b into lane l of dst; digits beyond b become 0. b must
// fit, and its length must be a multiple of eight.
func setBytes(dst []vec, l int, b []byte) {
	word := func(i int) uint64 {
		end := len(b) - 8*i
		if end < 8 {
			return 0
		}
		return binary.BigEndian.Uint64(b[end-8 : end])
	}
	for i := range dst {
		pos := i * digitBits
		// Shifts by 64 give 0.
		dst[i][l] = (word(pos/64)>>(pos%64) | word(pos/64+1)<<(64-pos%64)) & digitMask
	}
}

// bytesOf writes lane l of src into b, big-endian. It keeps as many low bytes as b holds, a
// multiple of eight.
func bytesOf(b []byte, src []vec, l int) {
	digit := func(i int) uint64 {
		if i >= len(src) {
			return 0
		}
		return src[i][l]
	}
	for i := range len(b) / 8 {
		d, s := i*64/digitBits, i*64%digitBits
		// A word takes bits from two or three digits.
		x := digit(d)>>s | digit(d+1)<<(digitBits-s) | digit(d+2)<<(2*digitBits-s)
		binary.BigEndian.PutUint64(b[len(b)-8*i-8:], x)
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

// carry brings the digits of a non-negative number back below 2^52. A carry out of the last digit
// is lost: callers know that there is none.
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

// canonical replaces a, which is below 8n, by a mod n.
func canonical(a, n []vec) {
	subIfNotLess(a, n, 2)
	subIfNotLess(a, n, 1)
	subIfNotLess(a, n, 0)
}
