package nistec

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
)

// BenchmarkKernel reports the best of many short samples beside the mean: on a shared machine
// only the best is a property of the kernel. Each call depends on the one before, as in a sum
// of points.
func BenchmarkKernel(b *testing.B) {
	needKernels(b)
	const calls = 20
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range subjects() {
		st, st2, pt, pt2, full := s.vecs(stateWords), s.vecs(stateWords), s.vecs(2), s.vecs(2), s.vecs(5)
		for _, v := range [][]ifma.Vec{st, st2, pt, pt2, full} {
			s.random(r, v, s.coordinate)
		}
		d := s.digits
		table, mag, bases := ifma.NewVecs(s.tableWords()), ifma.NewVecs(1), ifma.NewVecs(1)
		for l := range bases[0] {
			bases[0][l] = uint64(uintptr(unsafe.Pointer(&table[0])))
			mag[0][l] = uint64(5 * l)
		}
		to, entries := ifma.NewVecs(1), ifma.NewVecs(16)
		for l := range to[0] {
			to[0][l] = uint64(uintptr(unsafe.Pointer(&entries[2*l])))
		}
		numbers := ifma.NewVecs(80)
		neg, zero := make([]uint64, 80), make([]uint64, 80)
		for _, k := range []struct {
			name string
			run  func()
		}{
			{"mul", func() { s.mul(st, st, pt) }},
			{"sqr", func() { s.sqr(st, st) }},
			{"ordMul", func() { s.ordMul(st, st, pt) }},
			{"double", func() { s.double(st, 1) }},
			{"double8", func() { s.double(st, 8) }},
			{"addAffine", func() { s.addAffine(st, pt, 0x55, 1) }},
			{"addAffine2", func() { s.addAffine2(st, st2, pt, pt2, 0x55, 1, 0xaa, 2) }},
			{"addXYZZ2", func() { s.addXYZZ2(st, st2, pt, pt2, 0x55, 1, 0xaa, 2) }},
			{"add", func() { s.add(st, full) }},
			{"fetch", func() { s.fetch(pt, &bases[0], &mag[0]) }},
			{"store", func() { s.store(&to[0], pt) }},
			{"lookup", func() { s.lookup(pt, table, &mag[0]) }},
			{"lookup+addAffine", func() { s.lookup(pt, table, &mag[0]); s.addAffine(st, pt, 0x55, 1) }},
			{"recode52x5", func() { recode(numbers[:52], st[d:2*d+1], neg[:52], zero[:52], 5) }},
		} {
			b.Run(s.name+"/"+k.name, func(b *testing.B) {
				best := time.Hour
				for range b.N {
					start := clock.Now()
					for range calls {
						k.run()
					}
					best = min(best, clock.Now()-start)
				}
				b.ReportMetric(float64(best.Nanoseconds())/calls, "best-ns")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/calls, "mean-ns")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
