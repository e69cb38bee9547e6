package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

var kregs = []Register{K1, K2, K3, K4, K5, K6, K7}

// leave ends a kernel. It clears all vector and mask registers that the kernel may have used: when
// the goroutine is preempted or the thread is switched, the contents of registers are saved to
// memory that nobody wipes. VZEROALL clears the first sixteen and does the work of VZEROUPPER too.
// All of it takes a few cycles in more than a thousand.
func leave() {
	if len(side.queue) > 0 {
		panic("something is left on the side")
	}
	VZEROALL()
	for _, r := range zregs[16:] {
		zero(r)
	}
	for _, k := range kregs {
		KXORW(k, k, k)
	}
	RET()
}

// registersKernel generates the function with which tests read the registers.
func registersKernel() {
	TEXT("registers", NOSPLIT, "func(z *[8]uint64, k *uint64)")
	Doc("registers copies the 32 vector registers to z and the mask registers 1 to 7 to k. It is for tests.")
	Pragma("noescape")
	Load(Param("z"), RDI)
	Load(Param("k"), RSI)
	for i, r := range zregs {
		store(r, words{RDI, i}.at(0))
	}
	for i, k := range kregs {
		KMOVW(k, EAX)
		MOVQ(RAX, Mem{Base: RSI, Disp: 8 * i})
	}
	leave()
}
