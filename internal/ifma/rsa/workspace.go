package rsa

import (
	"bytes"
	"sync"

	"asynccrypto/internal/ifma"
)

// Workspace is the memory of one batch. One batch at a time may use it, and between batches it is
// all zero. It allocates nothing after NewWorkspace.
type Workspace struct {
	size int
	mem  []vec

	p, q, n field // q is not used by a packed pass
	x       exponentiation
	v       verifier
	one     []vec // full width
	m       []vec // messages, full width
	mp, mq  []vec // residues
	qd      []vec // q as digits, also in a packed pass, which does not use the field q
	qinv    []vec
	h, t    []vec
	s       []vec // signatures, full width
	e       [lanes]uint32
	live    [lanes]bool

	dead *Key // for the lanes without a request

	// hook lets tests spoil a computation after any of its steps. Otherwise it is nil.
	hook func(at step, i int)
}

// step names a point at which a test may insert a fault.
type step int

const (
	stepLoad      step = iota // all operands are loaded but the fields of the primes
	stepTable                 // w.x.table is filled
	stepWindow                // window i is done; its result is w.x.acc
	stepHalves                // mp and mq are computed
	stepRecombine             // s is computed
	stepVerify                // v.acc = s^e is computed
)

// NewWorkspace makes a workspace for keys of size bytes: 256, 384 or 512. For other sizes the
// error wraps [ErrKeySize], and without the kernels it is [ifma.ErrUnsupported].
func NewWorkspace(size int) (*Workspace, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	if err := checkSize(size); err != nil {
		return nil, err
	}
	part, full := layoutFor(digitsFor(size*4)), layoutFor(digitsFor(size*8))
	w := &Workspace{size: size, dead: deadKeys[size]()}
	var count arena
	w.divide(&count, part, full)
	w.mem = ifma.NewVecs(count.used)
	w.divide(&arena{mem: w.mem}, part, full)
	return w, nil
}

// divide takes the parts of w from a.
func (w *Workspace) divide(a *arena, part, full layout) {
	d, dd := part.d, full.d
	scratch := a.take(max(scratchFor(d), scratchFor(dd)), alignScratch)
	for _, f := range []struct {
		field *field
		layout
	}{{&w.p, part}, {&w.q, part}, {&w.n, full}} {
		*f.field = field{layout: f.layout, mod: a.take(f.size(), f.alignMod()), scratch: scratch}
	}
	w.x.acc, w.x.base = a.take(d, alignAcc), a.take(d, alignFactor)
	w.x.table, w.x.idx = a.take(d*tableSize, 0), a.take(1, 0)
	w.v.acc, w.v.sm, w.v.tmp = a.take(dd, alignAcc), a.take(dd, alignFactor), a.take(dd, 0)
	w.one, w.m, w.s = a.take(dd, alignFactor), a.take(dd, 0), a.take(dd, alignFactor)
	for _, v := range []*[]vec{&w.mp, &w.mq, &w.qd, &w.qinv, &w.h, &w.t} {
		*v = a.take(d, 0)
	}
}

// Size returns the number of bytes of the moduli that the workspace is for.
func (w *Workspace) Size() int { return w.size }

// wipe empties the workspace.
func (w *Workspace) wipe() {
	clear(w.mem)
	clear(w.x.exp[:])
	clear(w.e[:])
}

// deadKeys makes the dead key of each size once. It is only read, so all workspaces share it.
var deadKeys = map[int]func() *Key{
	256: sync.OnceValue(func() *Key { return deadKey(256) }),
	384: sync.OnceValue(func() *Key { return deadKey(384) }),
	512: sync.OnceValue(func() *Key { return deadKey(512) }),
}

// deadKey returns the key for lanes without a request: the moduli 2^bits-1, and all exponents and
// messages 0.
func deadKey(size int) *Key {
	full, part := layoutFor(digitsFor(size*8)), layoutFor(digitsFor(size*4))
	k := &Key{
		size: size,
		n:    make([]uint64, full.size()),
		p:    make([]uint64, part.size()),
		qinv: make([]uint64, part.d),
		dp:   make([]byte, windows(size*4)),
	}
	full.prepare(k.n, words(ones(size), size/8))
	part.prepare(k.p, words(ones(size/2), size/16))
	k.q, k.dq = k.p, k.dp
	return k
}

// ones returns the bytes of the largest number of a size, big-endian.
func ones(size int) []byte { return bytes.Repeat([]byte{255}, size) }
