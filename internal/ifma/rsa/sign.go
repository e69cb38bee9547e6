package rsa

const (
	// MaxBatch is the number of operations that a batch can hold.
	MaxBatch = lanes
	// MaxPacked is the number of operations up to which a batch costs half: their p and q halves
	// share a pass.
	MaxPacked = lanes / 2
)

// Sign computes out[i] = in[i]^d mod n with keys[i] for i below n, all at once, and checks each
// result with the public exponent. Bit i of ok is set if out[i] is the right result. Otherwise
// out[i] is all zero, if it has the right length. Messages and results are big-endian and as long
// as the modulus; a message must be below it. out[i] may be the same memory as in[i].
//
// Sign refuses a single operation, without effect on the others, if
//
//   - its key is nil, wiped, or of another size than the workspace;
//   - in[i] or out[i] has the wrong length;
//   - the message is not below the modulus;
//   - the check failed, which means a faulty key, memory or CPU: compute it again with other
//     code.
//
// Up to MaxPacked operations take one pass, more take two.
func (w *Workspace) Sign(keys *[MaxBatch]*Key, in, out *[MaxBatch][]byte, n int) (ok uint8) {
	n = min(n, MaxBatch)
	defer w.wipe()
	w.x.hook = w.hook
	w.load(keys, in, out, n)
	w.at(stepLoad, 0)
	if n <= MaxPacked {
		w.packed(keys)
	} else {
		w.full(keys)
	}
	w.at(stepHalves, 0)
	recombine(&w.p, w.s, w.mp, w.mq, w.qd, w.qinv, w.h, w.t)
	for l := range n {
		if w.live[l] {
			// The message is loaded again, because a signature of anything other than in[l] must
			// not pass either.
			setBytes(w.m, l, in[l])
		}
	}
	w.at(stepRecombine, 0)

	w.v.power(&w.n, w.s, &w.e)
	w.at(stepVerify, 0)
	right, below := equal(w.v.acc, w.m), less(w.s, w.n.n())
	for l := range n {
		if len(out[l]) != w.size {
			continue
		}
		// From here on the outcome is not secret.
		if w.live[l] && right[l]&below[l] != 0 {
			bytesOf(out[l], w.s, l)
			ok |= 1 << l
		} else {
			clear(out[l])
		}
	}
	return ok
}

func (w *Workspace) at(s step, i int) {
	if w.hook != nil {
		w.hook(s, i)
	}
}

// load fills in the values that belong to an operation as a whole. Lane l is operation l.
func (w *Workspace) load(keys *[MaxBatch]*Key, in, out *[MaxBatch][]byte, n int) {
	for l := range lanes {
		w.one[0][l] = 1
		w.live[l] = l < n && keys[l] != nil && keys[l].size == w.size && len(in[l]) == w.size && len(out[l]) == w.size
		k := w.dead
		w.e[l] = 0
		if w.live[l] {
			k = keys[l]
			w.e[l] = k.e
			setBytes(w.m, l, in[l])
		}
		w.n.setLane(l, k.n)
		setDigits(w.qd, l, k.q[offN:][:len(w.qd)])
		setDigits(w.qinv, l, k.qinv)
	}
}

// key returns the key for lane l.
func (w *Workspace) key(keys *[MaxBatch]*Key, l int) *Key {
	if w.live[l] {
		return keys[l]
	}
	return w.dead
}

// full computes the residues of eight operations in two passes.
func (w *Workspace) full(keys *[MaxBatch]*Key) {
	for l := range lanes {
		k := w.key(keys, l)
		w.p.setLane(l, k.p)
		w.x.exp[l] = k.dp
	}
	w.residue(w.mp, &w.p)
	for l := range lanes {
		k := w.key(keys, l)
		w.q.setLane(l, k.q)
		w.x.exp[l] = k.dq
	}
	w.residue(w.mq, &w.q)
}

// packed computes the residues of four operations in one pass: operation l modulo p in lane l,
// modulo q in lane l+4.
func (w *Workspace) packed(keys *[MaxBatch]*Key) {
	for l := range MaxPacked {
		k := w.key(keys, l)
		w.p.setLane(l, k.p)
		w.x.exp[l] = k.dp
		w.p.setLane(l+MaxPacked, k.q)
		w.x.exp[l+MaxPacked] = k.dq
	}
	for i := range w.m {
		copy(w.m[i][MaxPacked:], w.m[i][:MaxPacked])
	}
	w.residue(w.mp, &w.p)
	for i := range w.mp {
		copy(w.mq[i][:MaxPacked], w.mp[i][MaxPacked:])
	}
	// The upper lanes hold meaningless numbers from here on.
}

// residue sets dst = m^exp mod the moduli of f.
func (w *Workspace) residue(dst []vec, f *field) {
	f.montgomeryWide(w.x.base, w.m, w.h)
	w.x.run(f, w.one[:f.d])
	f.mul(dst, w.x.acc, w.one)
	canonical(dst, f.n())
}
