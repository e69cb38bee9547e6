//go:build amd64 && !purego

package nistec

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

// memory is operands for all kernels of a curve.
type memory struct {
	st, st2, pt, pt2, full, ord []ifma.Vec
	sum, sum2                   []ifma.Vec // X, Y, ZZ and ZZZ
	table, x, magnitudes        []ifma.Vec
	mag, bases, to, entries     []ifma.Vec
	neg, zero                   []uint64
	hash, block                 []ifma.Vec
}

func newMemory(s subject, r *rand.Rand, alloc func(n int) []ifma.Vec) *memory {
	d := s.digits
	m := &memory{
		st: alloc(stateWords * d), st2: alloc(stateWords * d), pt: alloc(2 * d), pt2: alloc(2 * d), full: alloc(5 * d), ord: alloc(d),
		sum: alloc(stateWords * d), sum2: alloc(stateWords * d),
		table: alloc(s.tableWords()), x: alloc(d + 1), magnitudes: alloc(recodedDigits(s)),
		mag: alloc(1), bases: alloc(1), to: alloc(1), entries: alloc(int(s.entrySize()) / 8),
		hash: alloc(int(unsafe.Sizeof(hashState{})) / 64), block: alloc(int(unsafe.Sizeof(hashBlock{})) / 64),
	}
	words := func(n int) []uint64 { // at the end of the memory, for a guard page to follow
		v := alloc((n + ifma.Lanes - 1) / ifma.Lanes)
		all := unsafe.Slice(&v[0][0], len(v)*ifma.Lanes)
		return all[len(all)-n:]
	}
	m.neg, m.zero = words(recodedDigits(s)), words(recodedDigits(s))
	for _, v := range [][]ifma.Vec{m.st, m.st2, m.pt, m.pt2, m.full, m.x, m.sum, m.sum2} {
		s.random(r, v, s.coordinate)
	}
	for _, v := range [][]ifma.Vec{m.hash, m.block} {
		for i := range v {
			for l := range ifma.Lanes {
				v[i][l] = r.Uint64()
			}
		}
	}
	m.x[d] = ifma.Vec{}
	m.x[d-1] = ifma.Vec{} // below 2^(5·recodedDigits - 1)
	last := s.entrySize() / 64 * uint64(ifma.Lanes)
	for l := range ifma.Lanes {
		m.mag[0][l] = lookupEntries - uint64(l)
		// The first and the last entry of the table.
		m.bases[0][l] = uint64(uintptr(unsafe.Pointer(&m.table[0])))
		if l%2 == 1 {
			m.bases[0][l] = uint64(uintptr(unsafe.Pointer(&m.table[uint64(len(m.table))-last/uint64(ifma.Lanes)])))
		}
		m.bases[0][l] -= s.entrySize() * m.mag[0][l]
		m.to[0][l] = uint64(uintptr(unsafe.Pointer(&m.entries[l*int(s.entrySize())/64])))
	}
	return m
}

// recodedDigits is how many digits of five bits the tests recode a number into.
func recodedDigits(s subject) int { return s.curve.Params().BitSize/5 + 1 }

// calls is a call of each kernel.
func (m *memory) calls(s subject) map[string]func() {
	return map[string]func(){
		"mul":        func() { s.mul(m.pt, m.st, m.pt2) },
		"sqr":        func() { s.sqr(m.pt, m.st) },
		"ordMul":     func() { s.ordMul(m.ord, m.st, m.pt2) },
		"reduce":     func() { s.reduce(m.ord, m.pt2) },
		"double":     func() { s.double(m.st, 2) },
		"addAffine":  func() { s.addAffine(m.st, m.pt, 0x55, 0x0f) },
		"addAffine2": func() { s.addAffine2(m.st, m.st2, m.pt, m.pt2, 0x55, 0x0f, 0xaa, 0xf0) },
		"addXYZZ2":   func() { s.addXYZZ2(m.sum, m.sum2, m.pt, m.pt2, 0x55, 0x0f, 0xaa, 0xf0) },
		"add":        func() { s.add(m.st, m.full) },
		"fetch":      func() { s.fetch(m.pt, &m.bases[0], &m.mag[0]) },
		"lookup":     func() { s.lookup(m.pt, m.table, &m.mag[0]) },
		"store":      func() { s.store(&m.to[0], m.pt2) },
		"compress": func() {
			compress((*hashState)(unsafe.Pointer(&m.hash[0])), (*hashBlock)(unsafe.Pointer(&m.block[0])))
		},
		"recode": func() { recode(m.magnitudes, m.x, m.neg, m.zero, 5) },
	}
}

// TestRegistersAreCleared reads the registers after each kernel.
func TestRegistersAreCleared(t *testing.T) {
	needKernels(t)
	for _, s := range subjects() {
		m := newMemory(s, rand.New(rand.NewPCG(11, 12)), ifma.NewVecs)
		for name, kernel := range m.calls(s) {
			for _, i := range ifmatest.Registers(kernel) {
				t.Errorf("%s, %s: register %d (from 32 on they are the masks) keeps something", s.name, name, i)
			}
		}
	}
}
