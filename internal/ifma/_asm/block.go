package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Everything is made of blocks of ten digits by ten: twenty accumulators, one for each column, in registers, ten digits
// of one factor in registers too, and the digits of the other loaded one at a time. So a block of 200 multiply-adds costs
// few loads, and each accumulator is touched every four or five cycles, which is what its latency allows.
const block = 10

// registers of a block
var (
	regA = zregs[20:30] // the factor that stays
	tmp0 = zregs[30]    // the factor that passes by
	tmp1 = zregs[31]
	tmp2 = regA[block-1]
)

func zregRange(from, to int) []VecPhysical { return append([]VecPhysical(nil), zregs[from:to]...) }

// at is the word number i after base.
func at(base Register, i int) Mem { return Mem{Base: base, Disp: 64 * i} }

func load(m Op, r Register)   { VMOVDQU64(m, r) }
func store(r Register, m Mem) { VMOVDQU64(r, m) }
func zero(r Register)         { VPXORQ(r, r, r) }

// loadA loads ten words into regA and returns them as operands. The last is left in memory: its register is tmp2, for
// whoever fills in.
func loadA(base Register, i int) []Op {
	var a []Op
	for j := range block - 1 {
		load(at(base, i+j), regA[j])
		a = append(a, regA[j])
	}
	return append(a, at(base, i+block-1))
}

// mulBlock adds the product of a, from loadA, and rows digits at (base, i) to the columns win[0:20]. All low halves of a
// row come before all high halves so that no accumulator waits for itself.
//
// fill is called once for each row to slip in what else there is to do; it may use tmp1 and tmp2.
func mulBlock(win []VecPhysical, a []Op, base Register, i, rows int, fill func(row int)) {
	for s := range rows {
		fill(s)
		load(at(base, i+s), tmp0)
		for j := range block {
			VPMADD52LUQ(a[j], tmp0, win[s+j])
		}
		for j := range block {
			VPMADD52HUQ(a[j], tmp0, win[s+j+1])
		}
	}
}

// sqrBlock doubles win[0:20] and adds the square of a to it. fill is as for mulBlock.
func sqrBlock(win []VecPhysical, a []Op, fill func(row int)) {
	for i := range block {
		fill(i)
		for j := i + 1; j < block; j++ {
			VPMADD52LUQ(a[j], regA[i], win[i+j])
		}
		for j := i + 1; j < block; j++ {
			VPMADD52HUQ(a[j], regA[i], win[i+j+1])
		}
	}
	load(a[block-1], tmp2)
	for _, r := range win[:20] {
		VPADDQ(r, r, r)
	}
	for i := range block {
		VPMADD52LUQ(regA[i], regA[i], win[2*i])
		VPMADD52HUQ(regA[i], regA[i], win[2*i+1])
	}
}

// nothing is for blocks that have nothing to fill in.
func nothing(int) {}

// foldBlock folds the columns win[0:rows] one after another: each is complete when its turn comes, and its digit times
// 2^-52 mod n is added from the next column on. a has the first ten digits of that constant; the folded digits go to
// (m, i) for the rest of it. The columns are 0 to 20; the last, which only row 9 touches, is loaded from top into the
// register of column 0. IFMA ignores what is above 52 bits, so the digits need no masking.
//
// A column waits for the one before it: the order here is for that chain, of one multiply-add and one addition a column.
func foldBlock(win []VecPhysical, a []Op, rows int, m Register, i int, top *Mem) []VecPhysical {
	for s := range rows {
		x := win[s]
		if s == block-1 {
			win = append(win, win[0])
			load(*top, win[20])
		}
		VPMADD52LUQ(a[0], x, win[s+1])
		VPSRLQ(Imm(52), x, tmp0)
		zero(tmp1)
		VPMADD52HUQ(a[0], x, tmp1)
		VPADDQ(tmp0, win[s+1], win[s+1])
		VPMADD52LUQ(a[1], x, win[s+2])
		VPADDQ(tmp1, win[s+2], win[s+2])
		store(x, at(m, i+s))
		for j := 2; j < block; j++ {
			VPMADD52LUQ(a[j], x, win[s+1+j])
		}
		for j := 1; j < block; j++ {
			VPMADD52HUQ(a[j], x, win[s+2+j])
		}
	}
	return win
}

// finish completes columns by the last, classical step: adds to column c the low half of x·n[c] and the high half of
// x·n[c-1], carries, and stores the digit. x is loaded into tmp0; the carry stays in tmp1.
func finish(cols []VecPhysical, n, x, dst Mem, top bool) {
	load(x, tmp0)
	for c, r := range cols {
		VPMADD52HUQ(n.Offset(64*(c-1)), tmp0, r)
		if !top || c < len(cols)-1 {
			VPMADD52LUQ(n.Offset(64*c), tmp0, r)
		}
		VPADDQ(tmp1, r, r)
		VPSRLQ(Imm(52), r, tmp1)
		VPANDQ(digitMask, r, r)
		store(r, dst.Offset(64*c))
	}
}

// digitMask is 2^52-1 in all lanes.
var digitMask Mem

func declareDigitMask() {
	digitMask = GLOBL("digitMask", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(1<<52-1))
	}
}
