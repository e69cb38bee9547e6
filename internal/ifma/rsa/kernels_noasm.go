//go:build !amd64 || purego

package rsa

// Only tests call these: nothing makes a field where the kernels cannot run.

func (f *field) mul(dst, a, b []vec) { mulReference(f.layout, dst[:f.d], a[:f.d], b[:f.d], f.mod) }

func (f *field) mulAdd(dst, a, b, c []vec) { mulAddReference(dst[:2*f.d], a[:f.d], b[:f.d], c[:f.d]) }

func (f *field) sqr(dst, a []vec, n int) { sqrReference(f.layout, dst[:f.d], a[:f.d], f.mod, n) }

func (f *field) window(dst, a, table []vec, idx *vec) {
	windowReference(f.layout, dst[:f.d], a[:f.d], f.mod, table, idx)
}

func (f *field) lookup(entry, table []vec, idx *vec) { selectReference(entry[:f.d], table, idx) }

func canonical(a, n []vec) { canonicalReference(a, n[:len(a)]) }
