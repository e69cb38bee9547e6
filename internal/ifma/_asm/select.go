package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A lookup reads every entry of the table, whole, and keeps one in each lane by a masked move between registers, so that
// neither address nor time depends on the indices. (A masked load would do with one register less, but the CPU may leave
// out what is masked: from a page that isn't mapped yet such loads were measured to take a hundred times as long.) The
// masks, one byte for each of the 32 entries, are made once for all digits.

// oneHot sets bit l of byte j at masks if lane l of the word at idx is j, and clears it otherwise.
func oneHot(masks, idx Register) {
	load(Mem{Base: idx}, Z0)
	zero(Z1)
	VPTERNLOGQ(Imm(255), Z2, Z2, Z2)
	for j := range 32 {
		VPCMPEQQ(Z0, Z1, K1)
		KMOVB(K1, Mem{Base: masks, Disp: j})
		VPSUBQ(Z2, Z1, Z1)
	}
}

// lookupEntry keeps, in the lanes of mask j, entry j of the digit at table.
func lookupEntry(table, masks Register, digit, j int, r, tmp Register) {
	k := []Register{K1, K2, K3, K4}[j%4]
	KMOVB(Mem{Base: masks, Disp: j}, k)
	load(at(table, 32*digit+j), tmp)
	VMOVDQA64(tmp, k, r)
}

// selectKernel generates the lookup alone.
func selectKernel() {
	TEXT("selectEntry", NOSPLIT, "func(dst, table, idx, scratch *[8]uint64, d int)")
	Doc("selectEntry copies entry idx[l] of a table of 32 numbers of d digits into each lane l of dst.",
		"Digit i of entry j is at table[32*i+j]. scratch is one word.")
	Pragma("noescape")
	dst, table, masks, d := RDI, RSI, R8, RCX
	Load(Param("dst"), dst)
	Load(Param("table"), table)
	Load(Param("idx"), RDX)
	Load(Param("scratch"), masks)
	Load(Param("d"), d)
	oneHot(masks, RDX)
	Label("digit")
	zero(Z0)
	for j := range 32 {
		lookupEntry(table, masks, 0, j, Z0, Z1)
	}
	store(Z0, Mem{Base: dst})
	ADDQ(U32(32*64), table)
	ADDQ(Imm(64), dst)
	DECQ(d)
	JNZ(LabelRef("digit"))
	leave()
}

// lookup spreads a lookup over the blocks of a squaring: some blocks look up one digit each, in tmp1.
type lookup struct {
	entry, table, masks Register
	digits, blocks      int // to look up in one squaring, and blocks that it has
	digit, block        int // so far
}

// lookupBlocks counts the blocks of a squaring that leave tmp1 and tmp2 alone: those above the diagonal, on it, and all of the
// reduction but for what folds and the last row.
func lookupBlocks(d int) int {
	n := d / block
	return n*(n-1)/2 + n + (n-1)*(n-1)
}

// filler returns what the next block has to do in its rows.
func (l *lookup) filler() func(row int) {
	if l == nil {
		return nothing
	}
	l.block++
	if l.digit*l.blocks >= l.block*l.digits {
		return nothing // ahead of the schedule
	}
	digit := l.digit
	l.digit++
	return func(row int) {
		if row == 0 {
			zero(tmp1)
		}
		for j := 32 * row / block; j < 32*(row+1)/block; j++ {
			lookupEntry(l.table, l.masks, digit, j, tmp1, tmp2)
		}
		if row == block-1 {
			store(tmp1, at(l.entry, digit))
		}
	}
}

// done checks that a squaring has found room for its part.
func (l *lookup) done() {
	if l == nil {
		return
	}
	if l.digit != l.digits || l.block != l.blocks {
		panic("lookup: not done")
	}
	l.digit, l.block = 0, 0
}
