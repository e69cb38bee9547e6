package rsa

import (
	"encoding/binary"

	"asynccrypto/internal/ifma"
)

const (
	lanes     = ifma.Lanes
	digitBits = ifma.DigitBits
	digitMask = ifma.DigitMask
)

type vec = ifma.Vec

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
// fit.
func setBytes(dst []vec, l int, b []byte) {
	for i := range dst {
		// A digit and the four bits before it at most: they are within eight bytes.
		end := len(b) - i*digitBits/8
		var x uint64
		if end >= 8 {
			x = binary.BigEndian.Uint64(b[end-8 : end])
		} else {
			for _, c := range b[:max(end, 0)] {
				x = x<<8 | uint64(c)
			}
		}
		dst[i][l] = x >> (i * digitBits % 8) & digitMask
	}
}

// bytesOf writes lane l of src into b, big-endian. It keeps as many low bytes as b holds. src has
// an even number of digits, and no fewer bytes than b.
func bytesOf(b []byte, src []vec, l int) {
	for i := 0; i < len(src); i += 2 {
		// Two digits are thirteen bytes: the low eight, and eight of which three are among them.
		low, high := src[i][l]|src[i+1][l]<<digitBits, src[i+1][l]>>(64-digitBits)
		end := len(b) - 13*(i/2)
		if end >= 13 {
			binary.BigEndian.PutUint64(b[end-8:end], low)
			binary.BigEndian.PutUint64(b[end-13:end-5], low>>40|high<<24)
			continue
		}
		for j := end - 1; j >= 0; j-- {
			b[j] = byte(low)
			low, high = low>>8|high<<56, high>>8
		}
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
