// Package emit is shared by the generators of all kernels. It assigns registers, orders
// instructions, reads tables of points, and proves that no bit gets lost.
//
// IFMA multiplies the low 52 bits of two words and ignores the others, and a column of 64 bits
// that overflows wraps. Neither is noticed before an input comes that makes use of the bit,
// perhaps once in 2^40. So the generator computes an [Interval] for each word that a kernel
// computes, for each digit that it stores and for the value of each number, from the bounds
// that the kernel declares for its operands. It panics, and writes nothing, if
//
//   - a factor can have a bit above the 52nd that counts. Such bits count for nothing where they have
//     been carried to the next digit already, and a digit is raw until they are masked;
//   - a column can need more than 64 bits, signed or unsigned as its interval needs;
//   - a raw digit is added;
//   - a result can be outside of the bounds that the kernel declares for it, or outside of those of
//     the next pass of a loop.
//
// The intervals tell the size of a number, not the number. Tests show that a kernel computes
// the right one: they compare it with a reference in every bit. The proof also rests on the
// effect of each instruction being as this package has it, on callers' keeping to the bounds,
// and on the caller of [Accumulator.Drop].
package emit
