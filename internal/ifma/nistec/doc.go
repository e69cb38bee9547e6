// Package nistec signs and verifies with ECDSA on P-256 and P-384, eight operations at once,
// with the kernels for AVX-512 IFMA that package ifma describes. Parsing of signatures and keys
// is the caller's.
//
// # Reading order
//
//	words.go          conversions between bytes and digits, comparison, reduction
//	kernels_amd64.go  the kernels and their bounds; kernels_amd64.s has their code
//	reference.go      what each kernel computes, in plain Go
//	curve.go          the constants of a curve; inversion of eight numbers at once
//	tables.go         multiples of points, and how they are made
//	key.go            a public key, checked and prepared
//	workspace.go      the memory of a batch
//	verify.go         a batch of verifications
//	hash.go           SHA-256 and HMAC in lanes
//	nonce.go          nonces: of RFC 6979, and hedged
//	sign.go           a private key; a batch of signatures, each verified before it leaves
//
// The generator in ../_asm/nistec writes the kernels.
//
// # Multiples of points
//
// A multiple of a point is a sum of entries from tables, one table for each window of the scalar.
// Digits are signed, so a table for windows of w bits has 2^(w-1) entries. Entries are affine.
//
//	scalar of                          window   P-256                P-384
//	the base point, secret             6 bits   43 windows,  88 KB   65 windows, 200 KB
//	the base point, public             8 bits   33 windows, 270 KB   49 windows, 803 KB
//	a prepared key                     5 bits   52 windows,  53 KB   77 windows, 158 KB
//	a prepared key, compact            5 bits    4 tables,    4 KB    4 tables,    8 KB
//	any key                            5 bits    1 table,     1 KB    1 table,     2 KB
//
// A sum of a prepared key needs no doublings. A compact key has every thirteenth (or twentieth)
// table, and needs 60 (or 95) doublings; any other key has the first table, which the lanes make
// first, and needs 255 (or 380).
//
// The sums start at points whose logarithm nobody knows. Each lane, and each half of a sum, has
// another such point, and their total is subtracted at the end. They are multiples of a point whose
// x is a hash: see hashedPoint. So the formulas never meet infinity, nor a point and itself or its
// negative, unless a public key was chosen by its relation to that point. Each of these cases
// leaves Z = 0, and Z stays 0, so one look at the end finds them all. Verify reports such a lane as
// one that it cannot judge. It does the same if the sum is infinity, which makes a signature
// invalid.
//
// Without doublings, both halves of a sum are points (X, Y, ZZ, ZZZ) with x = X/ZZ and y = Y/ZZZ.
// An addition to such a point takes a square less than to one in Jacobian coordinates, but a
// doubling takes a multiplication more. The halves become Jacobian before they are added up.
//
// A batch of fewer than eight has lanes to spare. Without doublings the windows of a scalar are
// independent. So two, four or eight lanes share an operation's windows, and their sums are added
// at the end. A lone verification takes 10 µs instead of 27.
//
// # Inversion
//
// Numbers of all lanes are inverted by one inversion, of their product (Montgomery's trick). It
// is done by division steps in constant time, in plain Go: package divsteps. A signature needs
// two: of Z, and of (e + rd)·k, which gives both 1/k and 1/s.
//
// # Constant time
//
// In NewPrivateKey, in Sign up to the finished signature, and in the nonces no branch and no
// address depends on a private key, on a nonce, or on a value computed from them. The lookup for a
// secret digit reads its whole table. Public are the curve, the number of lanes in use, which
// operations were refused, and whether a nonce was rejected, which happens once in 2^32 times and
// tells nothing about the next. The standard library hashes for nonces of P-384, for nonces that
// are drawn alone, and where RFC 6979 is used with another hash function than SHA-256. Everything
// else is public: keys, signatures and hashes in Verify, VerifyAny and NewPublicKey, and the
// verification that ends Sign.
//
// # Faults
//
// A wrong signature can give the key away, and one from a wrong entry of a table is on the curve
// and satisfies s·k = e + rd. So Sign verifies each signature, with the table of the public key,
// from the bytes that leave, from the hash as it was given and from a 1/s that must be one. A
// signature by another nonce than the one given would pass; so Sign compares the nonce it used
// with the one given. And the sums of a signature and of its check start with different points:
// a fault in a point for both would spoil both alike. A lane that fails is zeroed and reported,
// and its neighbours are not touched.
//
// What comes before Sign is not checked. A fault while a nonce is drawn can make it a number that
// others know, or the nonce of another hash, and a signature by it is valid and gives the key away.
package nistec
