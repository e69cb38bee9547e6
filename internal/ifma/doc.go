// Package ifma has what the kernels of eight lanes share: whether they can run here, and the layout
// of their memory. The kernels use the 52-bit multiply-add instructions of AVX-512 (IFMA). They are
// arithmetic only: batching, padding and the choice of requests that share a batch belong to the
// engine above them.
//
//	rsa         RSA private-key and public-key operations
//	nistec      P-256 and P-384: signing and verifying
//	curve25519  Ed25519: signing and verifying; X25519: key agreement
//	divsteps    inversion modulo an odd number, in constant time
//	ifmatest    for tests: guard pages, registers, intervals, constant time
//
// A number is a row of 52-bit digits, least significant first. Digit i of eight independent numbers
// lies in one 512-bit word (a [Vec]). So one stream of instructions serves eight keys, and the time
// of one key shows nothing that depends on another.
//
// The generator in _asm writes the kernels of each package.
package ifma

//go:generate sh -c "cd _asm && GOWORK=off go run . curve25519 -out ../curve25519/kernels_amd64.s"
//go:generate sh -c "cd _asm && GOWORK=off go run . nistec -out ../nistec/kernels_amd64.s"
//go:generate sh -c "cd _asm && GOWORK=off go run . rsa -out ../rsa/kernels_amd64.s"
//go:generate sh -c "cd _asm && GOWORK=off go run . ifmatest -out ../ifmatest/registers_amd64.s"
