package multibuffer

import (
	"sync"
	"sync/atomic"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
)

// sizes are the lengths in bytes of the moduli that the kernels accept.
var sizes = [...]int{256, 384, 512}

// handler is the state that the workers of one engine share.
type handler struct {
	workspaces [len(sizes)]sync.Pool // of *ifma.Workspace; they are empty between batches

	vectorized atomic.Uint64
	recomputed atomic.Uint64
}

// group is the part of a batch whose moduli have one size.
type group struct {
	n    int
	reqs [ifma.MaxBatch]*engine.Request
	ops  [ifma.MaxBatch]*engine.SignOp
	keys [ifma.MaxBatch]*ifma.Key
	data [ifma.MaxBatch][]byte // the padded message, then the signature
}

// handle vectorizes the requests that can be, and leaves the others to the standard library. The
// others come last, because one of them may read from a caller's own reader, which may block or
// exit the goroutine.
func (h *handler) handle(batch []*engine.Request) {
	var groups [len(sizes)]group
	var others []*engine.Request
	// Both are deferred, in reverse order, for a request whose padding panics in a hash function of
	// the program's own: only that request fails.
	defer func() { each(0, len(others), func(i int) { others[i].Run() }) }()
	defer each(0, len(groups), func(i int) { h.sign(i, &groups[i]) })
	each(0, len(batch), func(i int) {
		switch r := batch[i]; {
		case r.Abandoned():
			r.Complete(nil) // nobody gets the answer
		case !join(&groups, r):
			others = append(others, r)
		}
	})
}

// each calls f for every number from i to n-1, even if f panics or exits the goroutine, as an
// operation or a callback can: that must not affect the others in the batch.
func each(i, n int, f func(int)) {
	defer func() {
		if i < n {
			each(i, n, f)
		}
	}()
	for i < n {
		i++
		f(i - 1)
	}
}

// join puts r into the group for its modulus. It returns false for a request that the kernels
// cannot do.
func join(groups *[len(sizes)]group, r *engine.Request) bool {
	op, ok := r.Op().(*engine.SignOp)
	if !ok {
		return false
	}
	key, ok := op.Prepared.(*ifma.Key)
	if !ok {
		return false
	}
	em := make([]byte, key.Size())
	if !encode(em, op) {
		return false
	}
	for i, size := range sizes {
		if size == key.Size() {
			g := &groups[i]
			g.reqs[g.n], g.ops[g.n], g.keys[g.n], g.data[g.n] = r, op, key, em
			g.n++
			return true
		}
	}
	return false
}

// sign computes a group, which may be empty. If a result fails the check with the public
// exponent, the standard library computes it again: a faulty signature that left the process
// would give the key away.
func (h *handler) sign(size int, g *group) {
	if g.n == 0 {
		return
	}
	w, _ := h.workspaces[size].Get().(*ifma.Workspace)
	if w == nil {
		var err error
		if w, err = ifma.NewWorkspace(sizes[size]); err != nil {
			panic(err) // without kernels there are no prepared keys
		}
	}
	right := w.Sign(&g.keys, &g.data, &g.data, g.n)
	h.workspaces[size].Put(w)
	each(0, g.n, func(i int) {
		if right>>i&1 == 0 {
			h.recomputed.Add(1)
			g.reqs[i].Run()
			return
		}
		h.vectorized.Add(1)
		g.ops[i].Signature = g.data[i]
		g.reqs[i].Complete(nil)
	})
}
