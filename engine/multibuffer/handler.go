package multibuffer

import (
	"sync/atomic"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
)

// handler is the state that the workers of one engine share.
type handler struct {
	compact bool // Options.CompactTables

	vectorized atomic.Uint64
	recomputed atomic.Uint64
	// verifyBatches counts the batches that [VerifyBatch] computes, by kind. The engine does not
	// see them.
	verifyBatches [len(kinds)]struct{ operations, batches atomic.Uint64 }
}

// config returns the configuration of an engine whose operations h vectorizes.
func (h *handler) config() engine.Config {
	return engine.Config{
		Name:          "multibuffer",
		Handler:       h.handle,
		Alone:         h.alone,
		Kind:          func(op engine.Op) int { return int(kindOf(op)) },
		Kinds:         kindNames(),
		MaxBatch:      ifma.Lanes,
		Prepare:       h.prepare,
		PreparePublic: h.preparePublic,
		Figures:       h.figures,
	}
}

// handle computes a batch of one kind. It leaves the requests that the kernels cannot do to the
// standard library. These come last, because one of them may read from a caller's own reader,
// which may block or exit the goroutine.
func (h *handler) handle(batch []*engine.Request) {
	var lanesOf, othersOf [ifma.Lanes]*engine.Request // on the stack, as no slice escapes
	lanes, others := lanesOf[:0], othersOf[:0]
	var p pass
	defer func() { each(0, len(others), func(i int) { others[i].Run() }) }()
	if k := h.kindIfPays(batch[0].Op(), len(batch)); k != alone {
		p = getPass(k)
		defer putPass(k, p)
		// Deferred for a request whose padding panics in a hash function of the program's own: only
		// that request fails.
		defer func() { h.complete(k, p, lanes) }()
	}
	each(0, len(batch), func(i int) {
		switch r := batch[i]; {
		case r.Abandoned():
			r.Complete(nil) // nobody gets the answer
		case p != nil && p.add(len(lanes), r.Op()):
			lanes = append(lanes, r)
		default:
			others = append(others, r)
		}
	})
}

// complete computes the lanes of p, and completes their requests: those that have results together,
// and then the others, by the standard library.
func (h *handler) complete(k kind, p pass, lanes []*engine.Request) {
	finished, errs := make([]*engine.Request, 0, len(lanes)), make([]error, 0, len(lanes))
	var again []*engine.Request
	defer func() { each(0, len(again), func(i int) { again[i].Run() }) }()
	defer func() { engine.CompleteTogether(finished, errs) }()
	h.compute(k, p, len(lanes), func(i int, done bool) {
		if done {
			finished, errs = append(finished, lanes[i]), append(errs, p.finish(i))
		} else {
			again = append(again, lanes[i])
		}
	})
}

// kindIfPays returns the kind of op, or alone if n operations of its kind take less time with the
// standard library than in a pass.
func (h *handler) kindIfPays(op engine.Op, n int) kind {
	k := kindOf(op)
	if o, ok := op.(*engine.ECDHOp); ok && o.Key == nil {
		return k // a generated key, for which Run first computes the public key again
	}
	least := kinds[k].least
	if h.compact {
		least = kinds[k].leastCompact
	}
	if n < least {
		return alone
	}
	return k
}

// alone does one operation by the method that is the fastest for a single one.
func (h *handler) alone(op engine.Op) error {
	k := h.kindIfPays(op, 1)
	if k == alone {
		return op.Run()
	}
	p := getPass(k)
	defer putPass(k, p)
	done := false
	if p.add(0, op) {
		h.compute(k, p, 1, func(_ int, ok bool) { done = ok })
	}
	if !done {
		return op.Run()
	}
	return p.finish(0)
}

// compute computes the first n lanes of p, counts them, and calls finish for each of them. done
// says whether the lane has a result. Otherwise the standard library must compute it: a faulty
// signature that left the process would give the key away.
func (h *handler) compute(k kind, p pass, n int, finish func(lane int, done bool)) {
	if n == 0 {
		return
	}
	done := p.compute(n)
	each(0, n, func(i int) {
		ok := done>>i&1 == 1
		switch {
		case ok:
			h.vectorized.Add(1)
		case kinds[k].checked:
			h.recomputed.Add(1)
		}
		finish(i, ok)
	})
}

func (h *handler) figures(s *engine.Stats) {
	s.Vectorized, s.Recomputed = h.vectorized.Load(), h.recomputed.Load()
	for k := range h.verifyBatches {
		s.Kinds[k].Batches += h.verifyBatches[k].batches.Load()
		s.Kinds[k].Operations += h.verifyBatches[k].operations.Load()
	}
}

// countVerifyBatch counts a batch of n operations of kind k that was not given to the engine.
func (h *handler) countVerifyBatch(k kind, n int) {
	h.verifyBatches[k].operations.Add(uint64(n))
	h.verifyBatches[k].batches.Add(1)
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
