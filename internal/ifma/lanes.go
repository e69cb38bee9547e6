package ifma

import "unsafe"

const (
	// Lanes is how many numbers one stream of instructions computes with.
	Lanes = 8
	// DigitBits is the width of a digit: IFMA multiplies numbers of 52 bits.
	DigitBits = 52
	// DigitMask has the bits of a digit.
	DigitMask = 1<<DigitBits - 1
)

// Vec is one digit of eight numbers. Kernels load and store it as one 512-bit word.
type Vec [Lanes]uint64

// NewVecs returns n words on a boundary of 64 words, which is one of 4096 bytes. A word that
// straddles two cache lines costs a kernel 15% of its speed. A load whose address agrees with that
// of a store shortly before it in the lowest twelve bits waits for that store, so the operands of a
// kernel have alignments of their own modulo 64 words. The memory holds no pointers, so the
// collector neither scans nor copies it.
func NewVecs(n int) []Vec {
	const page = 64 * Lanes
	buf := make([]uint64, n*Lanes+page-1)
	off := -int(uintptr(unsafe.Pointer(&buf[0]))/8) & (page - 1)
	return unsafe.Slice((*Vec)(unsafe.Pointer(&buf[off])), n)
}
