package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Words of a modulus; see layout in package ifma.
func offN(d int) int    { return 1 }
func offFold(d int) int { return 1 + d }

// unrolledMul generates the multiplication for d digits in one piece.
func unrolledMul(d int) {
	TEXT(fmt.Sprintf("mul%d", d), NOSPLIT, "func(dst, a, b, mod, scratch *[8]uint64)")
	Doc(fmt.Sprintf("mul%d sets dst = a·b/R mod n for %d digits. scratch is %d words.", d, d, 2*d+block))
	Pragma("noescape")
	dst, a, b, mod, t := RDI, RSI, RDX, RBX, R8
	Load(Param("dst"), dst)
	Load(Param("a"), a)
	Load(Param("b"), b)
	Load(Param("mod"), mod)
	Load(Param("scratch"), t)
	product(a, b, t, d, false, nil)
	reduction(dst, mod, t, d, nil)
	leave()
}

// unrolledSqr generates the repeated squaring for d digits.
func unrolledSqr(d int) {
	TEXT(fmt.Sprintf("sqr%d", d), NOSPLIT, "func(dst, a, mod, scratch *[8]uint64, n int)")
	Doc(fmt.Sprintf("sqr%d squares a modulo n, n times over, for %d digits. scratch is %d words.", d, d, 2*d+block))
	Pragma("noescape")
	dst, a, mod, t, n := RDI, RSI, RBX, R8, RCX
	Load(Param("dst"), dst)
	Load(Param("a"), a)
	Load(Param("mod"), mod)
	Load(Param("scratch"), t)
	Load(Param("n"), n)
	Label("again")
	square(dst, a, mod, t, d, nil)
	MOVQ(dst, a)
	DECQ(n)
	JNZ(LabelRef("again"))
	leave()
}

// unrolledWindow generates five squarings for d digits with the lookup of the next factor among them: a fifth of its
// digits in each squaring, in slots that the multiply-adds leave empty.
func unrolledWindow(d int) {
	TEXT(fmt.Sprintf("window%d", d), NOSPLIT, "func(dst, a, mod, scratch, entry, table, idx *[8]uint64)")
	Doc(fmt.Sprintf("window%d squares a modulo n five times over, for %d digits, and copies entry idx[l] of the table", d, d),
		fmt.Sprintf("into lane l of entry. Digit i of entry j is at table[32*i+j]. scratch is %d words.", 2*d+block+1))
	Pragma("noescape")
	dst, a, mod, t, n := RDI, RSI, RBX, R8, RCX
	l := &lookup{entry: R9, table: R10, masks: R11, digits: d / 5, blocks: lookupBlocks(d)}
	Load(Param("dst"), dst)
	Load(Param("a"), a)
	Load(Param("mod"), mod)
	Load(Param("scratch"), t)
	Load(Param("entry"), l.entry)
	Load(Param("table"), l.table)
	Load(Param("idx"), R12)
	LEAQ(at(t, 2*d+block), l.masks)
	oneHot(l.masks, R12)
	MOVQ(U32(5), n)
	Label("again")
	square(dst, a, mod, t, d, l)
	MOVQ(dst, a)
	ADDQ(U32(64*l.digits), l.entry)
	ADDQ(U32(64*32*l.digits), l.table)
	DECQ(n)
	JNZ(LabelRef("again"))
	leave()
}

// square sets dst = a²/R, with a part of a lookup if there is one.
func square(dst, a, mod, t Register, d int, l *lookup) {
	product(a, a, t, d, true, l)
	for i := 0; i < d; i += block {
		win := zregRange(0, 20)
		x := loadA(a, i)
		for c, r := range win {
			if 2*i+c >= block && 2*i+c < 2*d-block {
				load(at(t, 2*i+c), r)
			} else {
				zero(r)
			}
		}
		sqrBlock(win, x, l.filler())
		for c, r := range win {
			store(r, at(t, 2*i+c))
		}
	}
	reduction(dst, mod, t, d, l)
	l.done()
}

// product sets the 2d columns at t to a·b, or, above the diagonal only, to the products of different blocks of a.
func product(a, b, t Register, d int, above bool, l *lookup) {
	touched := 0 // columns that have a value
	for i := 0; i < d; i += block {
		win := zregRange(0, 20)
		first := 0
		if above {
			first = i + block
		}
		for j := first; j < d; j += block {
			for c, r := range win {
				switch {
				case j > first && c < block: // kept from the block before
				case i+j+c < touched:
					load(at(t, i+j+c), r)
				default:
					zero(r)
				}
			}
			x := loadA(a, j)
			mulBlock(win, x, b, i, block, l.filler())
			n := block
			if j+block == d {
				n = 2 * block
			}
			for c, r := range win[:n] {
				store(r, at(t, i+j+c))
			}
			win = append(win[block:], win[:block]...)
		}
		if first < d {
			touched = i + d + block
		}
	}
}

// reduction divides the 2d columns at t by R, modulo mod.
func reduction(dst, mod, t Register, d int, l *lookup) {
	m := 2 * d // where in t the folded digits lie
	for i := 0; i < d; i += block {
		last := i+block == d
		win := zregRange(0, 20)
		for c, r := range win {
			load(at(t, i+c), r)
		}
		f := loadA(mod, offFold(d))
		if !last {
			top := at(t, i+20)
			win = foldBlock(win, f, block, t, m, &top)
			store(win[10], at(t, i+10))
			win = append(append([]VecPhysical(nil), win[11:21]...), win[1:11]...)
		} else {
			win = foldBlock(win, f, block-1, t, m, nil)
			// Column 9 goes the classical way.
			zero(tmp0)
			VPMADD52LUQ(at(mod, 0), win[9], tmp0)
			store(tmp0, at(t, m+9))
			VPMADD52LUQ(at(mod, offN(d)), tmp0, win[9])
			VPSRLQ(Imm(52), win[9], tmp1)
			finish(win[10:11], at(mod, offN(d)+1), at(t, m+9), at(dst, 0), false)
			win = append(append([]VecPhysical(nil), win[11:20]...), win[0:11]...)
			load(at(t, i+20), win[9])
		}
		for j := block; j < d; j += block {
			// Columns j+1 to j+10 are there; j+11 to j+20 come from memory, if they have got anything yet.
			for c, r := range win[block:20] {
				if i+j+block+1+c < 2*d {
					load(at(t, i+j+block+1+c), r)
				} else {
					zero(r)
				}
			}
			f := loadA(mod, offFold(d)+j)
			if !last {
				mulBlock(win, f, t, m, block, l.filler())
				n := block
				if j+block == d {
					n = 2 * block
				}
				for c, r := range win[:n] {
					if i+j+1+c < 2*d {
						store(r, at(t, i+j+1+c))
					}
				}
			} else {
				mulBlock(win, f, t, m, block-1, nothing) // tmp1 has the carry
				n := block
				if j+block == d {
					n = 2*block - 1
				}
				finish(win[:n], at(mod, offN(d)+j-block+2), at(t, m+9), at(dst, j-block+1), j+block == d)
			}
			win = append(win[block:], win[:block]...)
		}
	}
}
