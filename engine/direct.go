package engine

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"

	"asynccrypto/internal/gid"
)

// doDirect runs op on the caller's goroutine, in a worker's place, if that may be: see Config.Direct.
func (e *Engine) doDirect(ctx context.Context, op Op) (done bool, err error) {
	if !e.direct || ctx.Done() != nil || batched(op) {
		return false, nil
	}
	r := &Request{e: e, ctx: ctx, op: op, ready: make(chan struct{})}
	g := gid.Get()
	if !e.beginHere(r, g) {
		return false, nil
	}
	defer e.endHere(g) // also if op exits the goroutine
	r.Run()
	<-r.ready // a Shutdown whose time is up may be about to answer in its stead
	return true, r.consume()
}

// batched reports whether op is one that the handler does better together with others.
func batched(op Op) bool {
	o, ok := op.(*SignOp)
	return ok && o.Prepared != nil
}

// computes reports whether op is sure to compute and not to wait: the keys are the standard library's own.
func computes(op Op) bool {
	var key any
	switch o := op.(type) {
	case *SignOp:
		key = o.Key
	case *SignMessageOp:
		key = o.Key
	case *DecryptOp:
		key = o.Key
	case *ECDHOp:
		key = o.Key
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, *ecdh.PrivateKey:
		return true
	}
	return false
}

// beginHere takes a worker's place for r on the goroutine g, if one is free and nobody is before it. There is no need to
// hold what was prepared for a key: operations that have it don't come here.
func (e *Engine) beginHere(r *Request, g uintptr) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.queued.n+e.waiting.n > 0 || e.full() || e.taken.n >= e.depth || e.inside(g) {
		return false
	}
	e.here[g] = true
	e.counts.Submitted++
	e.counts.BatchSizes[0]++
	e.taken.push(r)
	r.begun = true
	return true
}

// full reports whether no more operations may begin. mu is held.
func (e *Engine) full() bool { return e.busy+len(e.here) >= e.limit }

// inside reports whether the goroutine g is in one of the engine's operations, as a worker or in a worker's place. mu is
// held.
func (e *Engine) inside(g uintptr) bool { return e.workers[g] || e.here[g] }

// endHere gives the place back.
func (e *Engine) endHere(g uintptr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.here, g)
	switch {
	case e.closed:
		e.work.Broadcast() // those that waited for the place have to look whether anything is left
	case e.queued.n > 0: // else a worker is woken for nothing, which costs more than all the rest
		e.work.Signal()
	}
}
