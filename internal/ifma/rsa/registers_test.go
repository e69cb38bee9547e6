//go:build amd64 && !purego

package rsa

import (
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

// TestRegistersAreCleared reads the registers after each kernel.
func TestRegistersAreCleared(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	everySet(t, testRegistersAreCleared)
}

func testRegistersAreCleared(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	for _, width := range widths {
		f, _ := testField(t, width, r)
		d := f.d
		a, b, dst, entry, table, idx := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d*tableSize), ifma.NewVecs(1)
		for _, v := range [][]vec{a, b, table} {
			for i := range v {
				for l := range lanes {
					v[i][l] = r.Uint64() & digitMask
				}
			}
		}
		idx[0] = vec{31, 30, 29, 28, 31, 30, 29, 28} // the last masks that a lookup uses
		kernels := map[string]func(){
			"mul": func() { f.mul(dst, a, b) },
			"sqr": func() { f.sqr(dst, a, 1) },

			"canonical": func() { canonical(dst, f.n()) },
		}
		if d <= 40 {
			product := ifma.NewVecs(2 * d)
			kernels["mulAdd"] = func() { f.mulAdd(product, a, b, b) }
			kernels["lookup"] = func() { f.lookup(entry, table, &idx[0]) }
			kernels["window"] = func() { f.window(dst, a, table, &idx[0]) }
		}
		for name, kernel := range kernels {
			for _, i := range ifmatest.Registers(kernel) {
				t.Errorf("%d bits, %s: register %d (from 32 on they are the masks) keeps something", width, name, i)
			}
		}
	}
}
