package rsa

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestAlignment shows that the operands of the kernels have their alignment wherever the allocator
// puts a workspace, and that no two share memory. A wrong alignment costs up to half of the speed
// and nothing else, so no other test would notice.
func TestAlignment(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		for _, size := range []int{256, 384, 512} {
			var all [4]*Workspace // several at once, so that they have different addresses
			for i := range all {
				w := workspace(t, size)
				all[i] = w
				taken := make([]string, len(w.mem))
				for _, p := range []struct {
					name      string
					v         []vec
					alignment int // -1 is any
				}{
					{"scratch", w.p.scratch, alignScratch},
					{"p", w.p.mod, w.p.alignMod()},
					{"q", w.q.mod, w.q.alignMod()},
					{"n", w.n.mod, w.n.alignMod()},
					{"acc", w.x.acc, alignAcc},
					{"base", w.x.base, alignFactor},
					{"power", w.v.acc, alignAcc},
					{"signature in Montgomery form", w.v.sm, alignFactor},
					{"one", w.one, alignFactor},
					{"signature", w.s, alignFactor},
					{"table", w.x.table, -1}, {"idx", w.x.idx, -1}, {"tmp", w.v.tmp, -1}, {"m", w.m, -1}, {"mp", w.mp, -1},
					{"mq", w.mq, -1}, {"qd", w.qd, -1}, {"qinv", w.qinv, -1}, {"h", w.h, -1}, {"t", w.t, -1},
				} {
					at := uintptr(unsafe.Pointer(&p.v[0]))
					if p.alignment >= 0 && at%4096 != uintptr(p.alignment)*64 {
						t.Errorf("%d: %s is at %#x, want alignment %d", size, p.name, at, p.alignment)
					}
					first := int(at-uintptr(unsafe.Pointer(&w.mem[0]))) / 64
					for i := first; i < first+len(p.v); i++ {
						if taken[i] != "" {
							t.Fatalf("%d: %s and %s share a word", size, p.name, taken[i])
						}
						taken[i] = p.name
					}
				}
				if &w.q.scratch[0] != &w.p.scratch[0] || &w.n.scratch[0] != &w.p.scratch[0] {
					t.Errorf("%d: the fields have scratch of their own", size)
				}
			}
			runtime.KeepAlive(all)
			w := publicWorkspace(t, size)
			for name, p := range map[string]struct {
				v         []vec
				alignment int
			}{
				"scratch": {w.n.scratch, alignScratch}, "n": {w.n.mod, w.n.alignMod()}, "power": {w.v.acc, alignAcc},
				"signature": {w.s, alignFactor}, "signature in Montgomery form": {w.v.sm, alignFactor},
			} {
				if at := uintptr(unsafe.Pointer(&p.v[0])); at%4096 != uintptr(p.alignment)*64 {
					t.Errorf("%d, public: %s is at %#x, want alignment %d", size, name, at, p.alignment)
				}
			}
		}
	})
}
