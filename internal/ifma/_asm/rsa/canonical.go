package rsa

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// canonicalKernel generates the last step of a computation: it subtracts 4n, then 2n, then n, each
// in the lanes where that leaves a number that is not below zero.
func canonicalKernel() {
	TEXT("canonical8", NOSPLIT, "func(a, n *[8]uint64, d int)")
	Doc("canonical8 replaces a, which is below 8n, by a mod n, for d digits.")
	Pragma("noescape")
	a, n, d := RDI, RSI, RCX
	Load(Param("a"), a)
	Load(Param("n"), n)
	Load(Param("d"), d)
	borrow, mask, below, x, t := Z0, Z1, Z2, Z3, Z4
	digitMask(mask)
	for shift := 2; shift >= 0; shift-- {
		pass := func(name string, keep, store func()) {
			label := fmt.Sprint(name, shift)
			zero(borrow)
			MOVQ(a, ptrA)
			MOVQ(n, ptrB)
			MOVQ(d, count2)
			Label(label)
			load(words{ptrB, 0}.at(0), x)
			VPSLLQ(Imm(uint64(shift)), x, x)
			keep()
			load(words{ptrA, 0}.at(0), t)
			VPSUBQ(x, t, t)
			VPADDQ(borrow, t, t)
			VPSRAQ(Imm(digitBits), t, borrow)
			store()
			advance(ptrA, 1)
			advance(ptrB, 1)
			DECQ(count2)
			JNZ(LabelRef(label))
		}
		none := func() {}
		pass("compare", none, none)
		VPSRAQ(Imm(63), borrow, below)
		pass("subtract",
			func() { VPANDNQ(x, below, x) },
			func() {
				VPANDQ(mask, t, t)
				store(t, words{ptrA, 0}.at(0))
			})
	}
	leave()
}
