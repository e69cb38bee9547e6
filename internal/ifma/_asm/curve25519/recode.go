package curve25519

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// recode cuts numbers into digits from 1-2^(w-1) to 2^(w-1): a larger one becomes negative and
// carries.
func recode() {
	k := emit.Begin("recode", "func(mag, x *[8]uint64, neg, zero *uint64, w, n int)",
		"recode cuts numbers of 4 words, which a word of zeros follows, into n signed digits of w bits.",
		"It writes their magnitudes to mag, and to neg and zero in which lanes they are negative and zero.")
	mag, x, neg, zero, w, n := k.Pointer("mag"), k.Pointer("x"), k.Pointer("neg"), k.Pointer("zero"), k.Pointer("w"), k.Pointer("n")
	one, below, half, full, carry := k.Get(), k.Get(), k.Get(), k.Get(), k.Get()
	digit, high := k.Get(), k.Get()
	// Counts of shifts are in vector registers.
	right, left := X31, X30
	r, pos := GP64(), GP64()
	MOVQ(U64(1), r)
	VPBROADCASTQ(r, one)
	VMOVQ(w, right)
	VPSLLQ(right, one, full)
	VPSUBQ(one, full, below)
	VPSRLQ(U8(1), full, half)
	VPXORQ(carry, carry, carry)
	XORQ(pos, pos)
	Label("digits")
	MOVQ(pos, r)
	ANDQ(U8(63), r)
	VMOVQ(r, right)
	NEGQ(r)
	ADDQ(U8(64), r)
	VMOVQ(r, left)
	MOVQ(pos, r)
	SHRQ(U8(6), r)
	SHLQ(U8(6), r)
	VMOVDQU64(Mem{Base: x, Index: r, Scale: 1}, digit)
	VMOVDQU64(Mem{Base: x, Index: r, Scale: 1, Disp: 64}, high)
	VPSRLQ(right, digit, digit)
	VPSLLQ(left, high, high) // by 64 gives 0
	VPTERNLOGQ(U8(0xa8), below, high, digit)
	VPADDQ(carry, digit, digit)
	VPCMPUQ(U8(6), half, digit, K1) // digit > half
	VPXORQ(carry, carry, carry)
	VMOVDQA64(one, K1, carry)
	VPSUBQ(digit, full, K1, digit)
	VMOVDQU64(digit, Mem{Base: mag})
	VPTESTNMQ(digit, digit, K2)
	KMOVB(K1, r.As32())
	MOVQ(r, Mem{Base: neg})
	KMOVB(K2, r.As32())
	MOVQ(r, Mem{Base: zero})
	ADDQ(U8(8), neg)
	ADDQ(U8(8), zero)
	ADDQ(U32(64), mag)
	ADDQ(w, pos)
	DECQ(n)
	JNZ(LabelRef("digits"))
	k.Put(one, below, half, full, carry, digit, high)
	k.End()
}
