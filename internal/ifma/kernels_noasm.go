//go:build !amd64 || purego

package ifma

import "runtime"

func cpuSupport() string {
	if runtime.GOARCH != "amd64" {
		return "no kernels for " + runtime.GOARCH
	}
	return "built with the tag purego"
}

// Only tests call these: nothing makes a field where cpuSupport gives a reason.

func (f *field) mul(dst, a, b []vec) { mulReference(f.layout, dst[:f.d], a[:f.d], b[:f.d], f.mod) }

func (f *field) sqr(dst, a []vec, n int) { sqrReference(f.layout, dst[:f.d], a[:f.d], f.mod, n) }

func (f *field) window(dst, a, table []vec, idx *vec) {
	windowReference(f.layout, dst[:f.d], a[:f.d], f.mod, table, idx)
}

func (f *field) lookup(entry, table []vec, idx *vec) { selectReference(entry[:f.d], table, idx) }
