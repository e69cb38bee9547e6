package emit

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// SwapIn exchanges the numbers in the lanes of mask. Both belong to the same stream.
func (a *Accumulator) SwapIn(mask Register, b *Accumulator) {
	s := a.s
	for i := range max(a.top(), b.top()) + 1 {
		x, y := a.column(i), b.column(i)
		swapped := &Word{}
		s.add(op{unit: alu, reads: []*Word{x, y}, writes: swapped, get: 1, write: func() {
			swapped.z = s.k.Get()
			VPBLENDMQ(y.z, x.z, mask, swapped.z)
		}})
		s.change(y, func() { VMOVDQA64(x.z, mask, y.z) }, x)
		s.Free(x)
		a.cols[i] = swapped
		either := x.digit.or(y.digit.Interval)
		a.set(i, either)
		b.set(i, either)
	}
	a.value = a.value.or(b.value)
	b.value = a.value
}
