// Package ifma computes eight RSA private-key operations at once with the 52-bit multiply-add instructions of
// AVX-512 (IFMA). It is arithmetic only: batching, padding and the choice of whose requests share a batch belong to
// the engine above it.
//
// # Layout
//
// A number is a row of 52-bit digits, least significant first. Digit i of eight independent numbers lies in one
// 512-bit word (a [vec]), so one stream of instructions serves eight keys, and nothing that depends on one of them can
// be seen in the time of another.
//
// # Arithmetic
//
// Multiplication is Montgomery's with R = 2^(52·D) for D digits, 20, 30 or 40 for the primes of keys of 2048, 3072 and
// 4096 bits. Instead of computing quotient digits the kernels fold: the lowest digits, ten or twenty at a time, times
// 2^-520 or 2^-1040 mod n, prepared once for each key, are added above them, which removes them. The last ten go one by
// one, times 2^-52, and the very last takes the classical step with k = -1/n mod 2^52, which makes the result smaller,
// too. Results are below 4n, or 5n for 40 digits, and not reduced further until they leave the exponentiation; the
// sixteen or more bits that D digits have above the modulus pay for that:
//
// For n < 2^(52·D-16) the product of a, b < 8n is below 64n² < n·R/2^10, that of a < R and b < n below n·R. For 40
// digits there are 32 bits, and factors may be below 10n. So t < n·R to begin with. Folding k digits adds less than K·n,
// for K = 2^(52k), to the whole part of t/K; what t is above K·n, it divides by K at least. So when ten digits are left,
// t is below 2·2^520·n, or, where twenty digits were folded and then ten, 3·2^520·n. After nine more it is below
// 3·2^52·n or 4·2^52·n, and the last step makes less than 4n or 5n of it.
//
// A column, the sum of what belongs to one power of 2^52 in all of this, may be below zero on the way but holds fewer
// than 2^9 numbers below 2^52, added or subtracted: it stays within 2^61 of zero, and carries are signed.
//
// The kernels are made of blocks of ten digits by ten in registers, and Karatsuba's trick saves some of the blocks. On a
// Zen 5 it pays only because what it takes besides multiply-adds stands among them, one instruction here and there, where
// it is free; in one lump it costs what the trick saves. The generator in _asm does that.
//
// # Constant time
//
// No branch and no address depends on a private key, a message, or an intermediate result. Exponentiation uses fixed
// windows of five bits, a lookup reads all 32 entries, and the values that accompany a key are prepared by shifting,
// subtracting and selecting on words, never by math/big. What may be seen: the size of the key, the public exponent,
// how many lanes live, and whether a result passed its check.
//
// # Faults
//
// A signature computed with a fault in one CRT half gives the key away (Boneh, DeMillo, Lipton 1997). So [Workspace.Sign]
// raises every result to the public exponent, in the lanes, and compares it with the message; a lane that fails is
// zeroed and reported, and its neighbours are not touched.
package ifma

//go:generate sh -c "cd _asm && GOWORK=off go run . -out ../kernels_amd64.s"
