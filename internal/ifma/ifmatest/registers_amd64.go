//go:build !purego

package ifmatest

import "asynccrypto/internal/ifma"

//go:noescape
func readRegisters(z *ifma.Vec, k *uint64)

// Registers says which registers hold something after run: 0 to 31 are the vector registers, 32 to
// 38 the mask registers 1 to 7. The Go code between run and the reading may leave something in them
// by chance, and so may another goroutine if this one is stopped there. So Registers runs it ten
// times and reports a register that held something each time.
func Registers(run func()) (dirty []int) {
	var z [32]ifma.Vec
	var k [7]uint64
	var empty [len(z) + len(k)]bool
	for range 10 {
		run()
		readRegisters(&z[0], &k[0])
		for i := range z {
			empty[i] = empty[i] || z[i] == ifma.Vec{}
		}
		for i := range k {
			empty[len(z)+i] = empty[len(z)+i] || k[i] == 0
		}
	}
	for i, empty := range empty {
		if !empty {
			dirty = append(dirty, i)
		}
	}
	return dirty
}
