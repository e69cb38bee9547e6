package rsa

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"asynccrypto/internal/ifma/ifmatest"
)

// TestIntervals runs the assembly of every kernel on intervals, for operands of any digits. Package
// ifmatest says what that shows, on any machine. doc.go promises that columns stay within 2^61.
func TestIntervals(t *testing.T) {
	kernels, err := ifmatest.ReadKernels("kernels_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	ran := make(map[string]bool)
	run := func(name string, args map[string]any) {
		t.Helper()
		ran[name] = true
		k := kernels[name]
		if k == nil {
			t.Fatalf("no kernel %s", name)
		}
		greatest, err := k.Run(args)
		t.Logf("%s: columns within 2^%.2f", name, math.Log2(float64(greatest)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if greatest > 1<<61 {
			t.Errorf("%s: a column may be %d", name, greatest)
		}
	}
	digits := func(name string, n int) *ifmatest.Memory { return ifmatest.NewMemory(name, n, ifmatest.Digit) }
	result := func(name string, m *ifmatest.Memory, n int) {
		t.Helper()
		if !m.Within(n, ifmatest.Digit) {
			t.Errorf("%s: a result has digits of more than %d bits", name, digitBits)
		}
	}
	for _, y := range layouts() {
		d := y.d
		mul, window := fmt.Sprint("mul", d), fmt.Sprint("window", d)
		if y.schoolbook {
			mul, window = "mulSchoolbook20", "windowSchoolbook20"
		}
		// Kernels read the words before R² only. The last two of twenty are masks.
		mod := digits("mod", y.rr())
		if y.twenty() > 0 {
			mod.Set(y.rr()-2, y.rr(), ifmatest.Interval{Low: -1, High: 0})
		}
		scratch := func() *ifmatest.Memory { return ifmatest.NewScratch("scratch", scratchFor(d)) }
		index := ifmatest.NewMemory("idx", 1, ifmatest.Interval{Low: 0, High: tableSize - 1})
		table := digits("table", tableSize*d)
		for _, alias := range []bool{false, true} {
			dst := ifmatest.NewScratch("dst", d)
			a, b := digits("a", d), digits("b", d)
			if alias {
				dst = a
			}
			name := mul
			run(name, map[string]any{"dst": dst, "a": a, "b": b, "mod": mod, "scratch": scratch()})
			result(name, dst, d)
			if d >= 40 {
				name = fmt.Sprint("sqr", d)
				run(name, map[string]any{"dst": dst, "a": a, "mod": mod, "scratch": scratch(), "n": 2})
				result(name, dst, d)
			}
			if d > 40 {
				continue
			}
			args := map[string]any{"dst": dst, "a": a, "mod": mod, "scratch": scratch(), "table": table, "idx": index}
			if d < 40 {
				name = window
				run(name, args)
			} else {
				name = "squares40"
				run(name, args)
				result(name, dst, d)
				args["a"], args["b"] = dst, args["scratch"].(*ifmatest.Memory).From(entryOf40)
				run("mul40", args)
			}
			result(name, dst, d)
		}
		if d <= 40 {
			product := ifmatest.NewScratch("product", 2*d)
			name := fmt.Sprint("mulAdd", d)
			run(name, map[string]any{
				"dst": product, "a": digits("a", d), "b": digits("b", d), "c": digits("c", d),
				"scratch": ifmatest.NewScratch("scratch", 2*d),
			})
			result(name, product, 2*d)
			dst := ifmatest.NewScratch("dst", d)
			run("selectEntry", map[string]any{
				"dst": dst, "table": table, "idx": index, "scratch": ifmatest.NewScratch("scratch", tableSize), "d": d,
			})
			result("selectEntry", dst, d)
		}
		a := digits("a", d)
		run("canonical8", map[string]any{"a": a, "n": digits("n", d), "d": d})
		result("canonical8", a, d)
	}
	for name := range kernels {
		if !ran[name] {
			t.Errorf("%s was not run", name)
		}
	}
}

// TestResultsStayBelow follows the number that a kernel reduces, in exact arithmetic, through the
// steps of reduceReference: a kernel and its reference agree in every bit. It shows the bounds that
// doc.go derives: results are below 4n, or 5n for 40 digits, if both factors are below 8n or 10n, or
// if one has all digits and the other is below n.
func TestResultsStayBelow(t *testing.T) {
	one := big.NewRat(1, 1)
	for _, y := range layouts() {
		width := y.bits()
		power := func(digits int) *big.Rat {
			return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(digits*digitBits)))
		}
		// All numbers are multiples of n. Here n is below 2^width, so n divided by R is below this:
		nR := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(width)))
		nR.Quo(nR, power(y.d))
		factor := new(big.Rat).SetInt(most(width))
		square := new(big.Rat).Mul(factor, factor)
		if square.Mul(square, nR).Cmp(one) >= 0 {
			t.Errorf("%d: the product of factors may be n·R or more", width)
		}
		x := power(y.d) // the product is below n·R
		left := y.d
		for _, k := range y.folds() {
			// The digits that are folded are at most 2^(52k) - 1, and their constant is below n.
			x.Quo(x, power(k)).Add(x, power(k)).Sub(x, one)
			left -= k
		}
		if left != 1 {
			t.Fatalf("%d: folding leaves %d digits", width, left)
		}
		x.Add(x, power(1)).Sub(x, one).Quo(x, power(1))
		limit := big.NewRat(4, 1)
		if y.d == 40 {
			limit.SetInt64(5)
		}
		if x.Cmp(limit) >= 0 {
			t.Errorf("%+v: a result may be %s times n", y, x.FloatString(6))
		}
		if limit.Mul(limit, nR).Cmp(one) >= 0 {
			t.Errorf("%d: a result may have more than %d digits", width, y.d)
		}
	}
}
