//go:build !amd64 || purego

package ifma

import "runtime"

func cpuSupport() string {
	if runtime.GOARCH != "amd64" {
		return "no kernels for " + runtime.GOARCH
	}
	return "built with the tag purego"
}

// Only tests get here: nothing makes a field where cpuSupport says no.

func (f *field) mul(dst, a, b []vec) { mulTwin(f.layout, dst[:f.d], a[:f.d], b[:f.d], f.mod) }

func (f *field) sqr(dst, a []vec, n int) { sqrTwin(f.layout, dst[:f.d], a[:f.d], f.mod, n) }

func (f *field) window(dst, a, table []vec, idx *vec) {
	windowTwin(f.layout, dst[:f.d], a[:f.d], f.mod, table, idx)
}

func (f *field) lookup(entry, table []vec, idx *vec) { selectTwin(entry[:f.d], table, idx) }
