package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// selectKernel generates the lookup: a tree of blends over all 32 entries, steered by the bits of the index in mask
// registers, so that every entry is read whatever the index is.
func selectKernel() {
	TEXT("selectEntry", NOSPLIT, "func(dst, table, idx *[8]uint64, d int)")
	Doc("selectEntry copies entry idx[l] of a table of 32 numbers of d digits into each lane l of dst.",
		"Digit i of entry j is at table[32*i+j].")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("table"), RSI)
	Load(Param("idx"), RDX)
	Load(Param("d"), RCX)
	bitMasks(RDX)
	Label("digit")
	VMOVDQU64(tree(RSI, 0), Mem{Base: RDI})
	ADDQ(U32(32*64), RSI)
	ADDQ(Imm(64), RDI)
	DECQ(RCX)
	JNZ(LabelRef("digit"))
	VZEROUPPER()
	RET()
}

// bitMasks sets K1 to K5 to the bits 0 to 4 of the lanes at idx. It uses Z0 and Z1.
func bitMasks(idx Register) {
	for i, k := range []Register{K1, K2, K3, K4, K5} {
		MOVL(U32(1<<i), EAX)
		VPBROADCASTQ(RAX, Z1)
		VMOVDQU64(Mem{Base: idx}, Z0)
		VPTESTMQ(Z1, Z0, k)
	}
}

// tree blends the 32 words at base+disp depth first, in seven registers.
func tree(base Register, disp int) VecPhysical {
	ks := []Register{K1, K2, K3, K4, K5}
	var node func(level, first, r int) VecPhysical
	node = func(level, first, r int) VecPhysical {
		if level == 0 {
			VMOVDQU64(Mem{Base: base, Disp: disp + 64*first}, ZReg(r))
			return ZReg(r)
		}
		lo := node(level-1, first, r)
		if level == 1 {
			VPBLENDMQ(Mem{Base: base, Disp: disp + 64*(first+1)}, lo, ks[0], lo)
			return lo
		}
		hi := node(level-1, first+1<<(level-1), r+1)
		VPBLENDMQ(hi, lo, ks[level-1], lo)
		return lo
	}
	return node(5, 0, 0)
}
