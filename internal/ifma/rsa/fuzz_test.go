package rsa

import (
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

// Each kernel is compared with its reference. Neither reduces its input, so they agree on any
// digits at all, including digits that no caller produces.

// fuzzInput makes numbers of d digits in all lanes from bytes. Each byte says how to fill one
// digit.
type fuzzInput struct {
	b []byte
	r *rand.Rand
}

func newFuzzInput(b []byte) *fuzzInput {
	var seed [32]byte
	copy(seed[:], b)
	return &fuzzInput{b, rand.New(rand.NewChaCha8(seed))}
}

func (in *fuzzInput) digit() uint64 {
	c := byte(in.r.Uint32())
	if len(in.b) > 0 {
		c, in.b = in.b[0], in.b[1:]
	}
	switch c % 8 {
	case 0, 1:
		return 0
	case 2, 3:
		return digitMask
	case 4:
		return uint64(c) / 8
	case 5:
		return digitMask - uint64(c)/8
	}
	return in.r.Uint64() & digitMask
}

func (in *fuzzInput) vecs(d int) []vec {
	v := ifma.NewVecs(d)
	for i := range v {
		for l := range lanes {
			v[i][l] = in.digit()
		}
	}
	return v
}

// field returns a field with arbitrary digits in place of prepared constants: the kernels cannot
// tell.
func (in *fuzzInput) field(y layout) *field {
	f := &field{layout: y, mod: in.vecs(y.size()), scratch: in.vecs(scratchFor(y.d))}
	if y.twenty() > 0 {
		// But differences must fit their blocks.
		for l := range lanes {
			x := make([]uint64, y.size())
			for i := range x {
				x[i] = f.mod[i][l]
			}
			y.differences(x)
			f.setLane(l, x)
		}
	}
	return f
}

func seeds(f *testing.F) {
	for w := range layouts() {
		for _, s := range []string{"", "\x00", "\x02\x02\x02\x02", "\x06\x00\x07\x02", "\x04\x0c\x14", "\x05\x0d\x15\xff"} {
			f.Add(byte(w), []byte(s))
		}
		ones := make([]byte, 80*lanes*9)
		for i := range ones {
			ones[i] = 2
		}
		f.Add(byte(w), ones)
	}
	if !ifma.Usable() {
		f.Log("no kernels: the reference is compared with itself")
		ifma.AllowReference = true
		f.Cleanup(func() { ifma.AllowReference = false })
	}
}

func FuzzMul(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, w byte, b []byte) {
		in := newFuzzInput(b)
		x := in.field(layouts()[int(w)%len(layouts())])
		a, c, want := in.vecs(x.d), in.vecs(x.d), ifma.NewVecs(x.d)
		mulReference(x.layout, want, a, c, x.mod)
		x.mul(c, a, c)
		compare(t, "mul", c, want)
	})
}

func FuzzSquare(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, w byte, b []byte) {
		in := newFuzzInput(b)
		x := in.field(layouts()[int(w)%len(layouts())])
		n := 1 + int(w)/len(layouts())%3
		a, want := in.vecs(x.d), ifma.NewVecs(x.d)
		sqrReference(x.layout, want, a, x.mod, n)
		x.sqr(a, a, n)
		compare(t, "sqr", a, want)
	})
}

func FuzzMulAdd(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, w byte, b []byte) {
		in := newFuzzInput(b)
		x := in.field(layouts()[int(w)%4])
		a, c, e := in.vecs(x.d), in.vecs(x.d), in.vecs(x.d)
		got, want := ifma.NewVecs(2*x.d), ifma.NewVecs(2*x.d)
		mulAddReference(want, a, c, e)
		x.mulAdd(got, a, c, e)
		compare(t, "mulAdd", got, want)
	})
}

func FuzzCanonical(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, w byte, b []byte) {
		in := newFuzzInput(b)
		d := digitsFor(widths[int(w)%len(widths)])
		a, n, want := in.vecs(d), in.vecs(d), ifma.NewVecs(d)
		copy(want, a)
		canonicalReference(want, n)
		canonical(a, n)
		compare(t, "canonical", a, want)
	})
}

func FuzzWindow(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, w byte, b []byte) {
		in := newFuzzInput(b)
		x := in.field(layouts()[int(w)%4])
		idx, table := in.vecs(1), in.vecs(x.d*tableSize)
		for l := range lanes {
			idx[0][l] %= tableSize
		}
		a, entry := in.vecs(x.d), in.vecs(x.d)
		want, wantEntry := ifma.NewVecs(x.d), ifma.NewVecs(x.d)
		windowReference(x.layout, want, a, x.mod, table, &idx[0])
		selectReference(wantEntry, table, &idx[0])
		x.window(a, a, table, &idx[0])
		compare(t, "window", a, want)
		x.lookup(entry, table, &idx[0])
		compare(t, "lookup", entry, wantEntry)
	})
}
