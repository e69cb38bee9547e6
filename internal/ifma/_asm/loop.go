package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// loopMul generates the multiplication for any number of digits that is a multiple of ten, with
// classical Montgomery steps only: a row for each digit of b, in which the accumulators move down
// by one digit.
//
// In each row an accumulator gets four numbers below 2^52 and a carry, so after the 80 rows of the
// widest modulus it is still below 2^61.
func loopMul() {
	TEXT("mulLoop", NOSPLIT, "func(dst, a, b, mod, scratch *[8]uint64, d int)")
	Doc("mulLoop sets dst = a·b/R mod n for d digits, d a multiple of ten. scratch is d+1 words.")
	Pragma("noescape")
	dst, a, b, mod, acc, d := RDI, RSI, RDX, RBX, R8, RCX
	Load(Param("dst"), dst)
	Load(Param("a"), a)
	Load(Param("b"), b)
	Load(Param("mod"), mod)
	Load(Param("scratch"), acc)
	Load(Param("d"), d)
	n := R9
	LEAQ(Mem{Base: mod, Disp: 64}, n)

	zero, x, m, k, dmask := Z31, Z30, Z29, Z28, Z27
	VPXORQ(zero, zero, zero)
	VMOVDQU64(Mem{Base: mod}, k)
	VPTERNLOGQ(Imm(255), dmask, dmask, dmask)
	VPSRLQ(Imm(12), dmask, dmask)

	MOVQ(acc, R10)
	MOVQ(d, R11)
	Label("clear")
	VMOVDQU64(zero, Mem{Base: R10})
	ADDQ(Imm(64), R10)
	DECQ(R11)
	JNZ(LabelRef("clear"))
	VMOVDQU64(zero, Mem{Base: R10})

	MOVQ(d, R11)
	Label("row")
	VMOVDQU64(Mem{Base: b}, x)
	// The quotient digit, from the lowest digit alone.
	t := Z0
	VMOVDQU64(Mem{Base: acc}, t)
	VPMADD52LUQ(Mem{Base: a}, x, t)
	VMOVDQA64(zero, m)
	VPMADD52LUQ(k, t, m)
	VPMADD52LUQ(Mem{Base: n}, m, t)
	VPSRLQ(Imm(52), t, t)
	// t, the carry into the next digit, waits for the first block.
	MOVQ(a, R12)
	MOVQ(n, R13)
	MOVQ(acc, R14)
	MOVQ(d, RAX)
	Label("block")
	// At this point the high halves of digit j are due at word j (it moves down), and the low
	// halves of digit j+1. The digits above the highest are zero: a and n are not read there, see
	// the last block below.
	for j := range 10 {
		r := ZReg(j)
		if j > 0 {
			VMOVDQU64(Mem{Base: R14, Disp: 64 * (j + 1)}, r)
		} else {
			VPADDQ(Mem{Base: R14, Disp: 64}, t, r)
		}
		VPMADD52HUQ(Mem{Base: R12, Disp: 64 * j}, x, r)
		VPMADD52HUQ(Mem{Base: R13, Disp: 64 * j}, m, r)
		if j == 9 {
			CMPQ(RAX, Imm(10))
			JEQ(LabelRef("last"))
		}
		VPMADD52LUQ(Mem{Base: R12, Disp: 64 * (j + 1)}, x, r)
		VPMADD52LUQ(Mem{Base: R13, Disp: 64 * (j + 1)}, m, r)
		VMOVDQU64(r, Mem{Base: R14, Disp: 64 * j})
	}
	VPXORQ(t, t, t)
	ADDQ(U32(640), R12)
	ADDQ(U32(640), R13)
	ADDQ(U32(640), R14)
	SUBQ(Imm(10), RAX)
	JMP(LabelRef("block"))
	Label("last")
	VMOVDQU64(ZReg(9), Mem{Base: R14, Disp: 64 * 9})
	ADDQ(Imm(64), b)
	DECQ(R11)
	JNZ(LabelRef("row"))

	VPXORQ(t, t, t)
	Label("carry")
	VPADDQ(Mem{Base: acc}, t, t)
	VPANDQ(dmask, t, x)
	VMOVDQU64(x, Mem{Base: dst})
	VPSRLQ(Imm(52), t, t)
	ADDQ(Imm(64), acc)
	ADDQ(Imm(64), dst)
	DECQ(d)
	JNZ(LabelRef("carry"))
	leave()
}

// ZReg is the physical register number i.
func ZReg(i int) VecPhysical { return zregs[i] }

var zregs = [32]VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}
