// Package curve25519 signs and verifies with Ed25519, and agrees on keys with X25519, eight
// operations at once, with the kernels for AVX-512 IFMA that package ifma describes.
//
// # Reading order
//
//	lanes.go          numbers of 256 bits, and their digits in lanes
//	field.go          numbers modulo 2^255 - 19
//	scalar.go         numbers modulo the order of the base point
//	hash.go           SHA-512 of eight messages
//	kernels_amd64.go  the kernels; kernels_amd64.s has their code
//	reference.go      what each kernel computes, in plain Go
//	table.go          multiples of points, for scalars without doublings
//	workspace.go      the memory of a batch
//	point.go          sums of multiples of points
//	public.go         a prepared public key; private.go a private one
//	verify.go         Ed25519: verifying; sign.go signing
//	x25519.go         X25519: shared secrets and public keys
//
// The generator in ../_asm/curve25519 is best read in the order field.go, point.go, ladder.go,
// table.go, recode.go, sha512.go, after package emit.
//
// # Arithmetic
//
// A number of the field has five digits of 52 bits. The digits from 2^260 on are folded: 2^260 is
// 608 modulo p. Then the bits from 2^255 on are folded: 2^255 is 19. The result is below 2^255 +
// 2^216 and is not reduced further until it leaves. The generator computes an interval for each
// digit and each value on the way, and refuses to write a kernel that could lose a bit.
//
// Points are in extended coordinates, with the formulas of Hisil, Wong, Carter and Dawson 2008.
// They are complete on this curve: there are no exceptional points, and so no lane needs other
// code.
//
// Multiples of a point are sums of entries from tables, one table for each window of the scalar.
// Table entries are affine and are made in the lanes, with one inversion for all. A compact table
// has only four windows, 2^64 apart, and needs 60 doublings.
//
//	scalar of                            window   entries   size     additions
//	the base point, secret               5 bits   51·16     77 KB    51
//	the base point, public               7 bits   37·64     296 KB   37
//	a prepared key                       5 bits   51·16     104 KB   51
//	a prepared key, compact              4 bits   4·8       4 KB     64, 60 doublings
//	a key that is not prepared           5 bits   16        -        51, 250 doublings
//
// A batch of up to four operations has several lanes for each: the windows of a scalar are shared
// among them, and the sums are added at the end. Compact tables, keys that are not prepared and
// X25519's ladder cannot be shared like that.
//
// # Semantics
//
// A verification has the answer of crypto/ed25519 in all cases. S must be below the order. A public
// key may be not canonical, of a small order, or have x = 0 with the sign set. R is compared by its
// bytes, so an encoding that is not canonical never passes. The equation has no cofactor.
// Signatures are those of RFC 8032, byte for byte, and so of crypto/ed25519. X25519 is RFC
// 7748's.
//
// # Constant time
//
// No branch and no address depends on a private key, a nonce, an X25519 scalar or a shared
// secret. A lookup reads the whole window of the table. Not secret are public keys, messages,
// signatures, the number of operations, and whether a signature passed its check: verifying takes
// a time, and reads from addresses, that depend on them. An operation with secrets wipes the
// workspace when it ends.
//
// # Faults
//
// A signature that was computed with a fault can give the key away, even if it is valid. So
// [Workspace.Sign] computes its scalars twice, looks for changes of the key, and verifies the
// result with the key's own table. A lane that fails is zeroed and reported, and its neighbours
// are not touched. Both times the same code computes with the same constants. So a lasting fault in
// these, such as in those of SHA-512, can spoil both alike, and then a wrong signature leaves. The
// results of X25519 are not checked: if one is wrong, the two sides do not agree on a key.
package curve25519
