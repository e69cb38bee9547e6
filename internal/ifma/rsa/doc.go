// Package rsa computes eight RSA operations at once, with private keys or with public ones, with
// the kernels for AVX-512 IFMA that package ifma describes.
//
// # Reading order
//
//	lanes.go          conversions between bytes and digits, comparison, the parts of a memory
//	modulus.go        the constants of a modulus; words.go has the arithmetic that prepares them
//	key.go            a private key, checked and prepared
//	field.go          arithmetic modulo eight moduli, and the alignment of its operands
//	sets.go           which of two sets of kernels serves RSA-2048 on this CPU
//	kernels_amd64.go  which kernel runs for which width; kernels_amd64.s has their code
//	reference.go      what each kernel computes, in plain Go
//	exp.go            exponentiation with secret exponents
//	crt.go            a signature from its residues modulo p and q
//	verify.go         exponentiation with public exponents
//	workspace.go      the memory of a batch
//	sign.go           a batch: from messages to signatures that were checked
//	public.go         public keys, and a batch that opens signatures
//
// The generator in ../_asm/rsa is best read in the order words.go, side.go, block.go, reduction.go,
// differences.go, pairs.go, kernels.go, then schoolbook.go, four.go, four_fold.go, wide.go,
// muladd.go, select.go, choice.go and canonical.go.
//
// # Where a key's kernels are
//
// A private-key operation computes modulo the two primes and is then checked modulo the product.
// A public-key operation computes modulo the product alone. So each size of key has kernels for two
// widths, which a file of the generator each writes:
//
//	key       primes     kernels           file      product    kernels       file
//	RSA-2048  20 digits  mul20, window20   pairs.go  40 digits  mul40, sqr40  four.go
//	RSA-3072  30 digits  mul30, window30   pairs.go  60 digits  mul60, sqr60  wide.go
//	RSA-4096  40 digits  mul40, squares40  four.go   80 digits  mul80, sqr80  wide.go
//
// For the primes of RSA-2048 there is another set, mulSchoolbook20 and windowSchoolbook20 of
// schoolbook.go. sets.go says when it is used. The kernels mulAdd20, mulAdd30 and mulAdd40 join the
// halves of a signature.
//
// # Arithmetic
//
// Multiplication is Montgomery's with R = 2^(52·D) for D digits. The kernels do not compute
// quotient digits but fold. The lowest digits, ten or twenty at a time, are multiplied by 2^-520 or
// 2^-1040 mod n, which is prepared once for each key, and the product is added above them. That
// removes them. The last ten digits, or all in the schoolbook set, go one by one, multiplied by
// 2^-52. The very last takes the classical step with k = -1/n mod 2^52, which makes the result
// smaller, too. Results are below 4n, or 5n for 40 digits, and are not reduced further until they
// leave the exponentiation. The sixteen or more bits that D digits have above the modulus make room
// for that:
//
// For n < 2^(52·D-16) the product of a, b < 8n is below 64n² < n·R/2^10, and that of a < R and b <
// n is below n·R. For 40 digits there are 32 bits above the modulus, and factors may be below 10n.
// So t < n·R to begin with. Folding k digits, with K = 2^(52k), adds less than K·n to the whole
// part of t/K, and divides the excess of t above K·n by at least K. So when ten digits are left, t
// is below 2·2^520·n or, where twenty digits were folded and then ten, below 3·2^520·n. After nine
// more digits it is below 3·2^52·n or 4·2^52·n, and the last step leaves less than 4n or 5n. Where
// all digits go one by one, t is below 3·2^52·n when one is left, too.
// TestResultsStayBelow follows this argument in exact arithmetic.
//
// A column is the sum of everything that belongs to one power of 2^52. It may be below zero on the
// way, but it holds fewer than 2^9 numbers below 2^52, added or subtracted. So it stays within 2^61
// of zero, and carries are signed. TestIntervals runs the assembly of every kernel on intervals and
// finds no more than 2^60.3. It also shows that wherever the multiply-adds ignore the upper bits of
// a factor, these bits are taken as a carry.
//
// The kernels are made of blocks of ten digits by ten in registers. Up to 40 digits Karatsuba's
// trick saves some of the blocks. On a Zen 5 the trick pays only because its additions and
// subtractions stand among the multiply-adds, one instruction here and there, where they are free.
// In one lump they cost as much as the trick saves. The generator in _asm spreads them. On Intel's
// servers nothing is free: a 512-bit instruction of any kind takes one of the two ports that also
// multiply. The schoolbook set is for them: it multiplies more, and does less else.
//
// # Constant time
//
// No branch and no address depends on a private key, a message, or an intermediate result.
// Exponentiation uses fixed windows of five bits, and a lookup reads all 32 entries. The constants
// that accompany a key are prepared, and its values checked, by multiplying, shifting, subtracting
// and selecting on words, in an order that depends on their number only, and never by math/big.
// Public are only the size of the key, the public exponent, the number of lanes in use, and whether
// a result passed its check. Operations with a public key have no secrets.
//
// # Faults
//
// A signature computed with a fault in one CRT half gives the key away (Boneh, DeMillo, Lipton
// 1997). So [Workspace.Sign] raises every result to the public exponent, in the lanes, and
// compares it with the message. A lane that fails is zeroed and reported, and its neighbours are
// not touched.
package rsa
