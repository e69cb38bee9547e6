package engine

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"io"
	"slices"
	"time"

	"asynccrypto/engine/internal/sysrand"
	"asynccrypto/internal/gid"
)

// mayRunDirect reports whether op may run on the goroutine that calls Do, by the table at
// [Config.Direct].
func (e *Engine) mayRunDirect(ctx context.Context, op Op, inJob bool) bool {
	switch {
	case !e.direct, batched(op):
		return false
	case elliptic(op):
		return true
	}
	return !inJob && ctx.Done() == nil
}

// batched reports whether the handler does op better together with others: a signature with a
// prepared key.
func batched(op Op) bool {
	o, ok := op.(*SignOp)
	return ok && o.Prepared != nil
}

// elliptic reports whether op is an operation of the standard library's on an elliptic curve that
// waits for nothing: its random bytes, if it takes any, are crypto/rand's.
func elliptic(op Op) bool {
	var key any
	var random io.Reader
	switch o := op.(type) {
	case *SignOp:
		key, random = o.Key, o.Rand
	case *SignMessageOp:
		key, random = o.Key, o.Rand
	case *ECDHOp:
		key = o.Key
	}
	switch key.(type) {
	case *ecdsa.PrivateKey, *ecdh.PrivateKey, ed25519.PrivateKey:
		return random == nil || sysrand.Is(random)
	}
	return false
}

// runDirect runs op on the calling goroutine if a worker is free; done reports whether it did.
// There is no Request: only the caller waits for op, and a Shutdown whose context is done could
// not answer it before op returns anyway. For the fastest signatures every 100 ns here decide
// whether the engine costs anything.
func (e *Engine) runDirect(op Op, began time.Duration) (done bool, err error) {
	g := gid.Get()
	if !e.beginDirect(g) {
		return false, nil
	}
	returned := false
	defer func() {
		if !returned { // op panicked, or is exiting the goroutine
			done, err = true, newPanicError(recover())
		}
		e.endDirect(g, began, err == nil)
	}()
	err = op.Run()
	returned = true
	return true, err
}

// beginDirect makes the goroutine g stand in for a worker, if one is free and nobody is queued.
// It need not hold what was prepared for a key: operations with prepared keys never run directly.
func (e *Engine) beginDirect(g uintptr) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.queued.Len()+e.waiting.Len() > 0 || e.full() || e.inFlight() >= e.depth || e.inside(g) {
		return false
	}
	e.directRunners = append(e.directRunners, g)
	e.counts.Submitted++
	e.counts.BatchSizes[0]++
	return true
}

// endDirect ends what beginDirect began: a worker may run again.
func (e *Engine) endDirect(g uintptr, began time.Duration, completed bool) {
	took := now() - began
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.directRunners) - 1
	e.directRunners[slices.Index(e.directRunners, g)] = e.directRunners[last]
	e.directRunners = e.directRunners[:last]
	if completed {
		e.counts.Completed++
	} else {
		e.counts.Failed++
	}
	e.counts.Latency.add(took)
	e.makeRoom()
	e.checkDrained()
	switch {
	case e.closed:
		e.work.Broadcast() // every worker that waited its turn has to see whether anything is left
	case e.queued.Len() > 0: // otherwise a worker wakes for nothing, which costs more than all the rest
		e.work.Signal()
	}
}

// full reports whether no more operations may begin. mu is held.
func (e *Engine) full() bool { return e.busy+len(e.directRunners) >= e.limit }

// inFlight returns how many operations the handler has, or run on their callers' goroutines. mu
// is held.
func (e *Engine) inFlight() int { return e.taken.Len() + len(e.directRunners) }

// inside reports whether the goroutine g is running one of the engine's operations, as a worker
// or directly. mu is held.
func (e *Engine) inside(g uintptr) bool {
	return e.busy > 0 && e.workers[g] || slices.Contains(e.directRunners, g)
}
