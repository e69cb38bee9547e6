package rsa

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// mulAddKernel generates the product that joins the halves of a result, for d digits. It takes a
// thousandth of the time of the halves, so it is made of blocks in loops.
func mulAddKernel(d int) {
	TEXT(fmt.Sprintf("mulAdd%d", d), NOSPLIT, "func(dst, a, b, c, scratch *[8]uint64)")
	Doc(fmt.Sprintf("mulAdd%d sets dst, of %d words, to a·b + c for %d digits. scratch is %d words.", d, 2*d, d, 2*d))
	Pragma("noescape")
	align()
	t := words{regScratch, 0}
	param("scratch")(regScratch)
	LEAQ(t.at(0), ptrT)
	zero(tmp0)
	loop("clear", 2*d, count1, func() {
		store(tmp0, words{ptrT, 0}.at(0))
		advance(ptrT, 1)
	})
	LEAQ(t.at(0), ptrT)
	param("a")(regX)
	param("b")(ptrB)
	mulBlocks("", d/block, regX)

	param("dst")(ptrD)
	param("c")(ptrX)
	carry, mask, r := Z0, Z1, Z2
	zero(carry)
	digitMask(mask)
	column := func(add func()) {
		load(words{regScratch, 0}.at(0), r)
		add()
		VPADDQ(carry, r, r)
		VPSRAQ(Imm(digitBits), r, carry)
		VPANDQ(mask, r, r)
		store(r, words{ptrD, 0}.at(0))
		advance(regScratch, 1)
		advance(ptrD, 1)
	}
	loop("low", d, count1, func() {
		column(func() { VPADDQ(words{ptrX, 0}.at(0), r, r) })
		advance(ptrX, 1)
	})
	loop("high", d, count1, func() { column(func() {}) })
	leave()
}
