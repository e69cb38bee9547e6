//go:build amd64 && !purego

package ifma

import (
	"math/rand/v2"
	"testing"
)

// TestRegistersAreCleared reads the registers after each kernel. The Go code between a kernel and
// the reading may leave something in them by chance, and so may another goroutine if this one is
// stopped there. No register may hold something each time.
func TestRegistersAreCleared(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	r := rand.New(rand.NewPCG(15, 15))
	for _, width := range widths {
		f, _ := testField(t, width, r)
		d := f.d
		a, b, dst, entry, table, idx := newVecs(d), newVecs(d), newVecs(d), newVecs(d), newVecs(d*tableSize), newVecs(1)
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
		}
		if d <= 40 {
			kernels["lookup"] = func() { f.lookup(entry, table, &idx[0]) }
			kernels["window"] = func() { f.window(dst, a, table, &idx[0]) }
		}
		for name, kernel := range kernels {
			var z [32]vec
			var k [7]uint64
			var empty [len(z) + len(k)]bool
			for range 10 {
				kernel()
				registers(&z[0], &k[0])
				for i := range z {
					empty[i] = empty[i] || z[i] == vec{}
				}
				for i := range k {
					empty[len(z)+i] = empty[len(z)+i] || k[i] == 0
				}
			}
			for i, empty := range empty {
				if !empty {
					t.Errorf("%d bits, %s: register %d (from %d on they are the masks) keeps something", width, name, i, len(z))
				}
			}
		}
	}
}
