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
	r := &Request{e: e, ctx: ctx, op: op}
	if !e.beginHere(r) {
		return false, nil
	}
	defer e.endHere() // also if op exits the goroutine
	r.Run()
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

// beginHere takes a worker's place for r, if one is free and nobody is before it.
func (e *Engine) beginHere(r *Request) bool {
	g := gid.Get()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.queued.n+e.waiting.n > 0 || e.busy+e.here >= e.limit || e.taken.n >= e.depth || e.workers[g] || !r.hold() {
		return false
	}
	e.here++
	e.counts.Submitted++
	e.counts.BatchSizes[0]++
	e.taken.push(r)
	r.begun = true
	return true
}

// endHere gives the place back.
func (e *Engine) endHere() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.here--
	if e.closed {
		e.work.Broadcast() // those that waited for the place have to look whether anything is left
	} else {
		e.work.Signal()
	}
}
