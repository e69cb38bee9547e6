package emit

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Z are the vector registers.
var Z = [32]VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

// Masks are the mask registers that can select lanes.
var Masks = [7]Register{K1, K2, K3, K4, K5, K6, K7}

// Leave ends a kernel. It clears all vector and mask registers that the kernel may have used:
// when the goroutine is preempted or the thread is switched, the contents of registers are
// saved to memory that nobody wipes. VZEROALL clears the first sixteen and does the work of
// VZEROUPPER too.
func Leave() {
	VZEROALL()
	for _, r := range Z[16:] {
		VPXORQ(r, r, r)
	}
	for _, k := range Masks {
		KXORW(k, k, k)
	}
	RET()
}

// ReadRegisters generates the function with which tests read the registers.
func ReadRegisters() {
	TEXT("readRegisters", NOSPLIT, "func(z *[8]uint64, k *uint64)")
	Doc("readRegisters copies the 32 vector registers to z and the mask registers 1 to 7 to k.")
	Pragma("noescape")
	Load(Param("z"), RDI)
	Load(Param("k"), RSI)
	for i, r := range Z {
		VMOVDQU64(r, Mem{Base: RDI, Disp: 64 * i})
	}
	for i, k := range Masks {
		KMOVW(k, EAX)
		MOVQ(RAX, Mem{Base: RSI, Disp: 8 * i})
	}
	Leave()
}
