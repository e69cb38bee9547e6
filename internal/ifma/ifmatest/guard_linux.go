package ifmatest

import (
	"syscall"
	"testing"
	"unsafe"

	"asynccrypto/internal/ifma"
)

// Guarded returns n words that end where unmapped memory begins or, with before, that begin where
// unmapped memory ends. A kernel that touches one word too many crashes the test. OpenSSL's IFMA
// code for RSA once did (CVE-2022-2274).
func Guarded(t testing.TB, n int, before bool) []ifma.Vec {
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
	return unsafe.Slice((*ifma.Vec)(unsafe.Pointer(&mem[first])), n)
}
