package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The words of a modulus; see layout in package ifma.
const offK, offN = 0, 1

func offFold(d int) int       { return 1 + d }
func offFoldTen(d int) int    { return 1 + 2*d }
func offFoldTwenty(d int) int { return 1 + 3*d }

// normalize carries through the n columns of t from i on, which are complete, and writes the
// digits to q. carry is the carry into the lowest column, or nil. The carry out of the highest is
// left in tmp1.
func normalize(t *columns, i, n int, q words, carry *Mem) {
	mask := regA[0]
	digitMask(mask)
	if carry != nil {
		load(*carry, tmp1)
	}
	for c := range n {
		r := win[c]
		t.get(i+c, r)
		if c > 0 || carry != nil {
			VPADDQ(tmp1, r, r)
		}
		VPSRAQ(Imm(digitBits), r, tmp1)
		VPANDQ(mask, r, r)
		store(r, q.at(c))
	}
}

// last divides the rest of t by 2^520, modulo mod. It folds nine digits one after another: each is
// complete when its turn comes, and its product with 2^-52 mod n is added from the next column on.
// It removes the tenth the classical way. It leaves the result, carried through, at dst. folded is
// ten words. l looks up a digit in each block.
//
// A column waits for the one before it. The order of the code follows that chain, of one
// multiply-add and one addition a column.
func last(t *columns, d int, dst, mod Register, folded words, l *lookup) {
	i := d - block
	w := append([]VecPhysical(nil), win...)
	for c, r := range w {
		t.get(i+c, r)
	}
	n := words{mod, offN}
	l.one()
	side.spread(200)
	f := operands(words{mod, offFold(d)})
	for r := range block - 1 {
		x := w[r]
		low(f[0], x, w[r+1])
		VPSRAQ(Imm(digitBits), x, tmp0)
		zero(tmp1)
		high(f[0], x, tmp1)
		VPADDQ(tmp0, w[r+1], w[r+1])
		low(f[1], x, w[r+2])
		VPADDQ(tmp1, w[r+2], w[r+2])
		store(x, folded.at(r))
		for j := 2; j < block; j++ {
			low(f[j], x, w[r+1+j])
		}
		for j := 1; j < block; j++ {
			high(f[j], x, w[r+2+j])
		}
	}
	zero(tmp0)
	low(words{mod, offK}.at(0), w[9], tmp0)
	store(tmp0, folded.at(9))
	low(n.at(0), tmp0, w[9])
	VPSRAQ(Imm(digitBits), w[9], tmp1)
	finish(w[10:11], n.at(1), folded.at(9), words{dst, 0}.at(0), false)
	// Now column 1 of the rest is in w[0].
	w = append(append([]VecPhysical(nil), w[11:20]...), w[0:11]...)
	t.get(i+20, w[9])
	side.drain()
	l.advance()
	rest := func(t *columns, mod, dst words) {
		l.one()
		side.spread(200)
		for c, r := range w[block : 2*block-1] {
			t.get(i+2*block+1+c, r)
		}
		// In the last block this is a column too many. It gets a value that is not used.
		zero(w[2*block-1])
		if i+3*block < len(t.set) {
			t.get(i+3*block, w[2*block-1])
		}
		f := operands(mod.from(offFold(d) + block))
		for r := range block - 1 {
			load(folded.at(r), tmp0)
			mulRow(f, tmp0, w[r:])
		}
		finish(w[:block], mod.at(offN+2), folded.at(9), dst.at(1), false)
		side.drain()
		l.advance()
	}
	blocks := d/block - 1
	if blocks == 1 {
		rest(t, words{mod, 0}, words{dst, 0})
		w = append(w[block:], w[:block]...)
	} else {
		LEAQ(t.at(0), ptrT)
		MOVQ(mod, ptrX)
		loop("last", blocks, count2, func() {
			u := filled(words{ptrT, 0}, 2*d)
			if t.more != nil {
				u.more = filled(u.from(t.more.i-t.i), 2*d)
			}
			rest(u, words{ptrX, 0}, words{dst, 0})
			for c := range block {
				VMOVDQA64(w[block+c], w[c])
			}
			advance(ptrT, block)
			advance(ptrX, block)
			advance(dst, block)
		})
		advance(dst, block-d)
	}
	finish(w[:block-1], n.at(d-block+2), folded.at(9), words{dst, d - block + 1}.at(0), true)
}

// finish completes columns with the last, classical step. It adds to column c the low half of
// x·n[c] and the high half of x·n[c-1], carries, and stores the digit. x is loaded into tmp0, and
// the carry stays in tmp1.
func finish(cols []VecPhysical, n, x, dst Mem, top bool) {
	mask := regA[0]
	digitMask(mask)
	load(x, tmp0)
	for c, r := range cols {
		high(n.Offset(64*(c-1)), tmp0, r)
		if !top || c < len(cols)-1 {
			low(n.Offset(64*c), tmp0, r)
		}
		VPADDQ(tmp1, r, r)
		VPSRAQ(Imm(digitBits), r, tmp1)
		VPANDQ(mask, r, r)
		store(r, dst.Offset(64*c))
	}
}
