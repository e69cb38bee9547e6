package nistec

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// sha256 is the compression function of FIPS 180-4, section 6.2.2, with its names. Its words have
// 32 bits, so eight lanes take half a register.
func sha256() {
	data := NewStaticSymbol("roundConstants")
	GLOBL(data.Name, attr.RODATA|attr.NOPTR)
	for i, k := range emit.RoundConstants()[:64] {
		DATA(4*i, U32(k>>32))
	}
	k := emit.Begin("sha256Block", "func(state, block *[8]uint32)",
		"sha256Block adds a block to the SHA-256 of all lanes. Row i of state is word i of the hash",
		"values, and row i of block is word i of the message.")
	state, block := k.Pointer("state"), k.Pointer("block")
	constants := GP64()
	LEAQ(NewDataAddr(data, 0), constants)

	var taken []VecPhysical
	get := func() Register {
		taken = append(taken, k.Get())
		return taken[len(taken)-1].AsY()
	}
	row := func(base Register, i int) Mem { return Mem{Base: base, Disp: 32 * i} }
	var w [16]Register
	for i := range w {
		w[i] = get()
		VMOVDQU32(row(block, i), w[i])
	}
	var h [8]Register
	for i := range h {
		h[i] = get()
		VMOVDQU32(row(state, i), h[i])
	}
	t, v, x := get(), get(), get()
	// rotated sets t to the sum modulo 2 of y rotated by three distances. The last may be a shift.
	rotated := func(y Register, a, b, c int, shift bool) {
		VPRORD(U8(a), y, t)
		VPRORD(U8(b), y, v)
		if shift {
			VPSRLD(U8(c), y, x)
		} else {
			VPRORD(U8(c), y, x)
		}
		VPTERNLOGD(U8(0x96), x, v, t)
	}
	rounds := func(schedule bool) {
		s := h
		for i := range w {
			a, b, c, d, e, f, g, last := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
			VPADDD(w[i], last, last)
			VPADDD_BCST(Mem{Base: constants, Disp: 4 * i}, last, last)
			rotated(e, 6, 11, 25, false)
			VPADDD(t, last, last)
			VMOVDQA32(e, t)
			VPTERNLOGD(U8(0xca), g, f, t) // e chooses f or g
			VPADDD(t, last, last)
			VPADDD(last, d, d)
			rotated(a, 2, 13, 22, false)
			VPADDD(t, last, last)
			VMOVDQA32(a, t)
			VPTERNLOGD(U8(0xe8), c, b, t) // what two of three have
			VPADDD(t, last, last)
			s = [8]Register{last, a, b, c, d, e, f, g}
			if schedule {
				VPADDD(w[(i+9)%16], w[i], w[i])
				rotated(w[(i+1)%16], 7, 18, 3, true)
				VPADDD(t, w[i], w[i])
				rotated(w[(i+14)%16], 17, 19, 10, true)
				VPADDD(t, w[i], w[i])
			}
		}
		// After 16 rounds the names are those of the registers again.
		ADDQ(U8(4*16), constants)
	}
	count := GP64()
	MOVQ(U32(3), count)
	k.Loop(count, func() { rounds(true) })
	rounds(false)
	for i := range h {
		VPADDD(row(state, i), h[i], h[i])
		VMOVDQU32(h[i], row(state, i))
	}
	k.Put(taken...)
	k.End()
}
