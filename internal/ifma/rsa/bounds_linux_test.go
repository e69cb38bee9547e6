//go:build amd64 && !purego

package rsa

import (
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

func TestKernelsStayInBounds(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	everySet(t, testKernelsStayInBounds)
}

func testKernelsStayInBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 14))
	for _, width := range widths {
		for _, before := range []bool{false, true} {
			alloc := func(n int) []vec { return ifmatest.Guarded(t, n, before) }
			plain, _ := testField(t, width, r)
			d := plain.d
			f := &field{layout: plain.layout, mod: alloc(plain.size()), scratch: alloc(scratchFor(d))}
			copy(f.mod, plain.mod)
			a, b, dst, want := alloc(d), alloc(d), alloc(d), ifma.NewVecs(d)
			fill := func(v []vec) {
				for i := range v {
					for l := range lanes {
						v[i][l] = r.Uint64() & digitMask
					}
				}
			}
			fill(a)
			fill(b)
			mulReference(f.layout, want, a, b, f.mod)
			f.mul(dst, a, b)
			compare(t, "mul", dst, want)
			sqrReference(f.layout, want, a, f.mod, 2)
			f.sqr(dst, a, 2)
			compare(t, "sqr", dst, want)
			canonicalReference(want, f.n())
			n := alloc(d)
			copy(n, f.n())
			canonical(dst, n)
			compare(t, "canonical", dst, want)
			if d > 40 {
				continue
			}
			entry, table, idx := alloc(d), alloc(d*tableSize), alloc(1)
			fill(table)
			f.lookup(entry, table, &idx[0])
			windowReference(f.layout, want, a, f.mod, table, &idx[0])
			f.window(dst, a, table, &idx[0])
			compare(t, "window", dst, want)
			product, wantProduct := alloc(2*d), ifma.NewVecs(2*d)
			mulAddReference(wantProduct, a, b, dst)
			f.mulAdd(product, a, b, dst)
			compare(t, "mulAdd", product, wantProduct)
		}
	}
}
