package curve25519

import (
	"encoding/binary"
	"math/bits"

	"asynccrypto/internal/ifma"
)

const (
	lanes     = ifma.Lanes
	digitMask = ifma.DigitMask
	digits    = 5 // of a number of the field
)

type vec = ifma.Vec

// words is a number of 256 bits, the least significant word first.
type words [4]uint64

func wordsOf(b []byte) (x words) {
	for i := range x {
		x[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return x
}

func (x *words) put(b []byte) {
	for i, v := range x {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
}

// isZero returns 1 if x is zero, in constant time.
func (x *words) isZero() uint64 {
	v := x[0] | x[1] | x[2] | x[3]
	return 1 ^ (v|-v)>>63
}

// equal returns 1 if x is y, in constant time.
func (x *words) equal(y *words) uint64 {
	z := words{x[0] ^ y[0], x[1] ^ y[1], x[2] ^ y[2], x[3] ^ y[3]}
	return z.isZero()
}

// add sets z = x + y mod 2^256.
func (z *words) add(x, y *words) {
	var c uint64
	z[0], c = bits.Add64(x[0], y[0], 0)
	z[1], c = bits.Add64(x[1], y[1], c)
	z[2], c = bits.Add64(x[2], y[2], c)
	z[3], _ = bits.Add64(x[3], y[3], c)
}

// subtract sets z = x - y and returns the borrow.
func (z *words) subtract(x, y *words) (borrow uint64) {
	z[0], borrow = bits.Sub64(x[0], y[0], 0)
	z[1], borrow = bits.Sub64(x[1], y[1], borrow)
	z[2], borrow = bits.Sub64(x[2], y[2], borrow)
	z[3], borrow = bits.Sub64(x[3], y[3], borrow)
	return borrow
}

// subtractIfNotLess subtracts m from x unless x is below it, in constant time.
func (x *words) subtractIfNotLess(m *words) {
	var z words
	keep := -z.subtract(x, m)
	x[0] = z[0] ^ (z[0]^x[0])&keep
	x[1] = z[1] ^ (z[1]^x[1])&keep
	x[2] = z[2] ^ (z[2]^x[2])&keep
	x[3] = z[3] ^ (z[3]^x[3])&keep
}

// digits cuts x, which is below 2^256, into digits.
func (x *words) digits() [digits]uint64 {
	return [digits]uint64{
		x[0] & digitMask,
		(x[0]>>52 | x[1]<<12) & digitMask,
		(x[1]>>40 | x[2]<<24) & digitMask,
		(x[2]>>28 | x[3]<<36) & digitMask,
		x[3] >> 16,
	}
}

// setLane writes the digits into lane l of dst.
func setLane(dst []vec, l int, d [digits]uint64) {
	for i, v := range d {
		dst[i][l] = v
	}
}

// setAll writes the digits into all lanes of dst.
func setAll(dst []vec, d [digits]uint64) {
	for l := range lanes {
		setLane(dst, l, d)
	}
}

// lane returns the digits in lane l of src.
func lane(src []vec, l int) (d [digits]uint64) {
	for i := range d {
		d[i] = src[i][l]
	}
	return d
}

// setWords writes x into lane l of four rows of words.
func setWords(dst []vec, l int, x *words) {
	for i, v := range x {
		dst[i][l] = v
	}
}

// arena hands out rows of its memory. Without memory it counts them.
type arena struct {
	mem  []vec
	used int
}

// take returns n rows.
func (a *arena) take(n int) []vec {
	from := a.used
	a.used += n
	if a.mem == nil {
		return nil
	}
	return a.mem[from:a.used:a.used]
}
