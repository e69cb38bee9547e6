//go:build amd64 && !purego

package ifma

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n words that end where unmapped memory begins or, with before, that begin where
// unmapped memory ends. A kernel that touches one word too many crashes the test. OpenSSL's IFMA
// code for RSA once did (CVE-2022-2274).
func guarded(t *testing.T, n int, before bool) []vec {
	t.Helper()
	page := syscall.Getpagesize()
	room := (n*64 + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, room+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	for _, p := range [][]byte{mem[:page], mem[page+room:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Skip(err)
		}
	}
	first := page + room - n*64
	if before {
		first = page
	}
	return unsafe.Slice((*vec)(unsafe.Pointer(&mem[first])), n)
}

func TestKernelsStayInBounds(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	r := rand.New(rand.NewPCG(14, 14))
	for _, width := range widths {
		for _, before := range []bool{false, true} {
			alloc := func(n int) []vec { return guarded(t, n, before) }
			plain, _ := testField(t, width, r)
			d := plain.d
			f := &field{layout: plain.layout, mod: alloc(plain.size()), scratch: alloc(scratchFor(d))}
			copy(f.mod, plain.mod)
			a, b, dst, want := alloc(d), alloc(d), alloc(d), newVecs(d)
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
			f.sqr(dst, a, 2)
			if d > 40 {
				continue
			}
			entry, table, idx := alloc(d), alloc(d*tableSize), alloc(1)
			fill(table)
			f.lookup(entry, table, &idx[0])
			windowReference(f.layout, want, a, f.mod, table, &idx[0])
			f.window(dst, a, table, &idx[0])
			compare(t, "window", dst, want)
		}
	}
}
