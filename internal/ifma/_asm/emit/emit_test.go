package emit

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/reg"
)

// The kernels of this test multiply modulo the prime of P-256, with R = 2^260.
var prime, _ = new(big.Int).SetString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)

// faults are mistakes that a kernel can have.
type faults struct {
	noCarry    bool // the digits of a factor are sums that nobody carried
	noMultiple bool // a difference without the multiple of p that keeps it from being negative
	scale      int
}

// kernel generates dst = scale·(a - b)·b/R with a and b below 2p, and demands that dst is below
// 2p.
func kernel(f faults) {
	k := Begin("test", "func(dst, a, b *byte)")
	dst := k.Number("dst", k.Pointer("dst"), 0, 5)
	a := k.Number("a", k.Pointer("a"), 0, 5)
	b := k.Number("b", k.Pointer("b"), 0, 5)
	scratch := k.Number("scratch", reg.R8, 0, 5)
	below2p := Below(5, Times(2, prime))
	a.Assume(below2p)
	b.Assume(below2p)

	s := k.Stream()
	difference := s.Sum(a)
	difference.Add(b, -1)
	if !f.noMultiple {
		difference.Add(ConstantNumber(5, Times(2, prime)), 1)
	}
	if f.noCarry {
		bounds := Bounds{Value: difference.Value()}
		for i := range 5 {
			bounds.Digits = append(bounds.Digits, difference.cols[i].digit)
		}
		scratch.Assume(bounds)
	} else {
		difference.Store(scratch, Finish{Raw: true})
		k.Run()
		s = k.Stream()
	}

	product := s.Accumulator()
	product.AddProduct(scratch, b)
	for i := range 5 {
		product.Reduce(i, Term{i + 1, 1 << 44}, Term{i + 3, 1 << 36}, Term{i + 4, 1<<48 - 1<<16})
	}
	product.Divide(5)
	if f.scale > 1 {
		product.Scale(f.scale)
	}
	product.Store(dst, Finish{})
	k.Run()
	dst.Ensure(below2p)
	k.End()
}

// message returns the text with which f panics.
func message(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

// TestBounds makes mistakes in a kernel that is right without them.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault faults
		want  string
	}{
		{"none", faults{}, ""},
		{"missing carry", faults{noCarry: true}, "IFMA takes 52 bits"},
		{"missing multiple of p", faults{noMultiple: true}, "IFMA takes 52 bits"},
		{"scale of 8", faults{scale: 8}, "not in the declared"},
	} {
		got := message(func() { kernel(c.fault) })
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: panics with %q, want %q", c.name, got, c.want)
		}
	}
}

// TestOverflow adds products to a column until it can overflow.
func TestOverflow(t *testing.T) {
	add := func(times int) func() {
		return func() {
			k := Begin("overflow", "func(a *byte)")
			x := k.Number("a", k.Pointer("a"), 0, 1).Assume(Below(1, bits(DigitBits).Hi))
			s := k.Stream()
			a, w := s.Accumulator(), s.Load(x, 0)
			for range times {
				a.MulAdd(w, w, 0)
			}
		}
	}
	if got := message(add(1 << 12)); got != "" {
		t.Errorf("2^12 numbers of 52 bits fit, but: %s", got)
	}
	if got := message(add(1<<12 + 1)); !strings.Contains(got, "can overflow") {
		t.Errorf("more than 2^12 numbers of 52 bits do not fit, but it panics with %q", got)
	}
}

// TestRun looks at the order of instructions: each comes after all that it needs, and the
// streams of independent products are interleaved.
func TestRun(t *testing.T) {
	k := Begin("run", "func(st *byte)")
	x := k.Rows("x", k.Pointer("st"), 0, 5, 4)
	x[0].Assume(Below(5, prime))
	x[1].Assume(Below(5, prime))
	square := func(dst, x *Number) {
		a := k.Stream().Accumulator()
		a.AddSquare(x)
		for i := range 5 {
			a.Reduce(i, Term{i + 1, 1 << 44}, Term{i + 3, 1 << 36}, Term{i + 4, 1<<48 - 1<<16})
		}
		a.Divide(5)
		a.Store(dst, Finish{})
	}
	square(x[2], x[0])
	square(x[3], x[1])
	square(x[0], x[2]) // needs the result of the first, and overwrites its operand
	streams := k.built
	order := make(map[*op]int)
	for _, s := range streams {
		for _, o := range s.ops {
			write := o.write
			o.write = func() { order[o] = len(order) + 1; write() }
		}
	}
	k.Run()
	for _, s := range streams {
		last := 0
		for _, o := range s.ops {
			if order[o] <= last {
				t.Fatal("a stream is not in its order")
			}
			last = order[o]
			for _, p := range append(o.needs, o.after...) {
				if order[p] >= order[o] {
					t.Fatal("an instruction comes before one that it needs")
				}
			}
		}
	}
	first := func(s *Stream) int { return order[s.ops[0]] }
	end := func(s *Stream) int { return order[s.ops[len(s.ops)-1]] }
	if first(streams[1]) > end(streams[0]) {
		t.Error("two products that do not depend on each other are not interleaved")
	}
	stores := 0
	for _, o := range streams[2].ops {
		for _, p := range append(o.needs, o.after...) {
			if p.stream == streams[0] {
				stores++
			}
		}
	}
	if stores == 0 {
		t.Error("the third product does not know that it needs the first")
	}
}

// TestLoop has an invariant that the body breaks.
func TestLoop(t *testing.T) {
	loop := func(scale int) func() {
		return func() {
			k := Begin("loop", "func(a *byte)")
			x := k.Number("a", k.Pointer("a"), 0, 1).Assume(Below(1, Int(5)))
			k.Loop(reg.RCX, func() {
				s := k.Stream()
				a := s.Sum(x)
				if scale > 1 {
					a.Scale(scale)
				}
				a.Store(x, Finish{})
				k.Run()
			}, Invariant{x, Below(1, Int(9))})
			k.End()
		}
	}
	if got := message(loop(1)); got != "" {
		t.Error(got)
	}
	if got := message(loop(2)); !strings.Contains(got, "not in the declared") {
		t.Errorf("panics with %q", got)
	}
}

// TestFold shows that a fold never makes a number negative, and how large it leaves it.
func TestFold(t *testing.T) {
	k := Begin("fold", "func(a *byte)")
	x := k.Number("a", k.Pointer("a"), 0, 5).Assume(Below(5, Times(15, prime)))
	s := k.Stream()
	a := s.Sum(x)
	a.Fold(48, Power{1, 0, 0}, Power{-1, 1, 44}, Power{-1, 3, 36}, Power{1, 4, 16})
	a.Store(x, Finish{})
	k.Run()
	limit := Add(Pow2(256), Times(15, Pow2(224)))
	if v := x.Bounds().Value; v.negative() || v.Hi.Cmp(limit) > 0 {
		t.Errorf("folded: %v", v)
	}
}
