package nistec

import "asynccrypto/internal/ifma"

// MaxBatch is the number of operations that a batch can hold.
const MaxBatch = lanes

// Workspace is the memory of one batch. One batch at a time may use it.
type Workspace struct {
	c   *Curve
	mem []vec

	a, b   []vec // sums
	ea, eb []vec // what is added to them
	t      []vec // temporary numbers

	r, s, e []vec
	d       []vec // private keys, in Montgomery form
	u1, u2  []vec // one digit more, which is 0
	inverse []vec // of s; not in mem

	// For each window of u1, then of u2: digits, their signs, which are 0, and the tables'
	// addresses.
	mag       []vec
	neg, zero []uint64
	bases     []vec
	row       []vec // a window's digits and addresses, for lanes that share operations

	hashes *hashLanes // for nonces

	any *anyTables // made at the first use

	// hook lets tests spoil a computation after any of its steps. Otherwise it is nil.
	hook func(at step)
}

// NewWorkspace makes a workspace. Without the kernels the error is [ifma.ErrUnsupported].
func (c *Curve) NewWorkspace() (*Workspace, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	d := c.digits
	w := &Workspace{c: c, hashes: new(hashLanes)}
	windows := max(c.verify.n+compactParts*c.perPart(compactParts), c.sign.n)
	w.neg, w.zero = make([]uint64, windows), make([]uint64, windows)
	w.bases = ifma.NewVecs(windows)
	copy(w.bases, c.tables().bases)
	parts := []struct {
		v *[]vec
		n int
	}{
		{&w.a, stateWords * d}, {&w.b, stateWords * d}, {&w.ea, 5 * d}, {&w.eb, 2 * d}, {&w.t, 7 * d},
		{&w.r, d}, {&w.s, d}, {&w.e, d}, {&w.d, d}, {&w.u1, d + 1}, {&w.u2, d + 1}, {&w.mag, windows}, {&w.row, 2},
	}
	total := 0
	for _, p := range parts {
		total += p.n
	}
	w.inverse = ifma.NewVecs(d)
	w.mem = ifma.NewVecs(total)
	mem := w.mem
	for _, p := range parts {
		*p.v, mem = mem[:p.n:p.n], mem[p.n:]
	}
	return w, nil
}
