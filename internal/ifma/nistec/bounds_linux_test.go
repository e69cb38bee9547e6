//go:build amd64 && !purego

package nistec

import (
	"math/rand/v2"
	"slices"
	"testing"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

// TestKernelsStayInBounds has unmapped memory before or behind each operand. It also compares
// the results with those of the reference.
func TestKernelsStayInBounds(t *testing.T) {
	needKernels(t)
	for _, s := range subjects() {
		for _, before := range []bool{false, true} {
			got := newMemory(s, rand.New(rand.NewPCG(13, 14)), func(n int) []ifma.Vec { return ifmatest.Guarded(t, n, before) })
			want := newMemory(s, rand.New(rand.NewPCG(13, 14)), ifma.NewVecs)
			for name, kernel := range got.calls(s) {
				kernel()
				withReference(want.calls(s)[name])
				results := func(m *memory) [][]ifma.Vec {
					return [][]ifma.Vec{m.st[:3*s.digits], m.st2[:3*s.digits], m.sum[:4*s.digits], m.sum2[:4*s.digits],
						m.pt, m.ord, m.magnitudes, m.entries, m.hash}
				}
				for i, v := range results(got) {
					w := results(want)[i]
					if !slices.Equal(v, w) {
						t.Errorf("%s, %s: operand %d differs from that of the reference", s.name, name, i)
					}
				}
			}
		}
	}
}
