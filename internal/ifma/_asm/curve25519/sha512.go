package curve25519

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// sha512 is the compression function of FIPS 180-4, section 6.4.2, with its names.
func sha512() {
	data := NewStaticSymbol("roundConstants")
	GLOBL(data.Name, attr.RODATA|attr.NOPTR)
	for i, k := range emit.RoundConstants() {
		DATA(8*i, U64(k))
	}
	swap := NewStaticSymbol("bigEndian")
	GLOBL(swap.Name, attr.RODATA|attr.NOPTR)
	DATA(0, U64(0x0001020304050607))
	DATA(8, U64(0x08090a0b0c0d0e0f))

	k := emit.Begin("sha512Block", "func(state, blocks *[8]uint64, live uint64)",
		"sha512Block adds a block of 128 bytes to the SHA-512 of each lane in live. Row i of state is word i",
		"of the hash values, and rows 2l and 2l+1 of blocks are the block of lane l.")
	state, blocks := k.Pointer("state"), k.Pointer("blocks")
	live := k.Mask("live", K1)
	constants := GP64()
	LEAQ(NewDataAddr(data, 0), constants)

	var w [16]VecPhysical
	order := k.Get()
	VBROADCASTI32X4(NewDataAddr(swap, 0), order)
	for half := range 2 {
		var z [8]VecPhysical
		for l := range z {
			z[l] = k.Get()
			VMOVDQU64(row(blocks, 2*l+half), z[l])
			VPSHUFB(order, z[l], z[l])
		}
		z = k.Transpose(z)
		copy(w[8*half:], z[:])
	}
	k.Put(order)
	var h [8]VecPhysical
	for i := range h {
		h[i] = k.Get()
		VMOVDQU64(row(state, i), h[i])
	}
	t, v, x := k.Get(), k.Get(), k.Get()
	// rotated sets dst to the sum modulo 2 of y rotated by three distances. The last may be a
	// shift.
	rotated := func(y, dst VecPhysical, a, b, c int, shift bool) {
		VPRORQ(U8(a), y, dst)
		VPRORQ(U8(b), y, v)
		if shift {
			VPSRLQ(U8(c), y, x)
		} else {
			VPRORQ(U8(c), y, x)
		}
		VPTERNLOGQ(U8(0x96), x, v, dst)
	}
	rounds := func(schedule bool) {
		s := h
		for i := range w {
			a, b, c, d, e, f, g, last := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
			VPADDQ(w[i], last, last)
			VPADDQ_BCST(Mem{Base: constants, Disp: 8 * i}, last, last)
			rotated(e, t, 14, 18, 41, false)
			VPADDQ(t, last, last)
			VMOVDQA64(e, t)
			VPTERNLOGQ(U8(0xca), g, f, t) // e chooses f or g
			VPADDQ(t, last, last)
			VPADDQ(last, d, d)
			rotated(a, t, 28, 34, 39, false)
			VPADDQ(t, last, last)
			VMOVDQA64(a, t)
			VPTERNLOGQ(U8(0xe8), c, b, t) // what two of three have
			VPADDQ(t, last, last)
			s = [8]VecPhysical{last, a, b, c, d, e, f, g}
			if schedule {
				VPADDQ(w[(i+9)%16], w[i], w[i])
				rotated(w[(i+1)%16], t, 1, 8, 7, true)
				VPADDQ(t, w[i], w[i])
				rotated(w[(i+14)%16], t, 19, 61, 6, true)
				VPADDQ(t, w[i], w[i])
			}
		}
		// After 16 rounds the names are those of the registers again.
		ADDQ(U32(8*16), constants)
	}
	count := GP64()
	MOVQ(U32(4), count)
	k.Loop(count, func() { rounds(true) })
	rounds(false)
	for i := range h {
		VMOVDQU64(row(state, i), t)
		VPADDQ(h[i], t, live, t)
		VMOVDQU64(t, row(state, i))
	}
	k.Put(h[:]...)
	k.Put(w[:]...)
	k.Put(t, v, x)
	k.End()
}
