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
// Multiplication is Montgomery's with R = 2^(52·D) for D digits. Instead of computing a quotient digit the kernels
// fold: 2^(-52·b) mod n, prepared once for each key, times the b lowest digits is added above them, which removes b
// digits at a time. Only the very last digit needs the classical step with k = -1/n mod 2^52. Results are below 4n and
// not reduced further until they leave the exponentiation; the twelve or more bits that D digits have above the modulus
// pay for that.
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
