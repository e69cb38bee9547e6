package engine

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"reflect"
	"slices"
	"time"

	"asynccrypto/internal/gid"
)

// doDirect runs op on the caller's goroutine, in a worker's place, if that may be. What it costs beside op decides whether
// the engine is as fast as no engine for the fastest of signatures, so there is no Request: nobody but the caller waits,
// and a Shutdown whose time is up could not answer it before op returns anyway.
func (e *Engine) doDirect(op Op, began time.Duration) (done bool, err error) {
	g := gid.Get()
	if !e.beginHere(g) {
		return false, nil
	}
	returned := false
	defer func() {
		if !returned { // a panic, or op exits the goroutine
			done, err = true, newPanicError(recover())
		}
		e.endHere(g, began, err == nil)
	}()
	err = op.Run()
	returned = true
	return true, err
}

// batched reports whether op is one that the handler does better together with others.
func batched(op Op) bool {
	o, ok := op.(*SignOp)
	return ok && o.Prepared != nil
}

// mayDirect reports whether op may run on the goroutine that asks for it: see Config.Direct. The way to a worker and back
// costs up to 30 us.
func (e *Engine) mayDirect(ctx context.Context, op Op, inJob bool) bool {
	if !e.direct || batched(op) {
		return false
	}
	ends := ctx.Done() != nil
	key, random := inputsOf(op)
	switch key.(type) {
	case *ecdsa.PrivateKey, *ecdh.PrivateKey, ed25519.PrivateKey:
		return !ends && !inJob || !mayWait(random)
	case *rsa.PrivateKey:
		return !ends && (!inJob || e.single && !mayWait(random))
	}
	return !ends && !inJob
}

// inputsOf returns the private key that op is an operation of, nil if the engine can't tell, and its source of random
// bytes.
func inputsOf(op Op) (key any, random io.Reader) {
	switch o := op.(type) {
	case *SignOp:
		return o.Key, o.Rand
	case *SignMessageOp:
		return o.Key, o.Rand
	case *DecryptOp:
		return o.Key, o.Rand
	case *ECDHOp:
		return o.Key, nil
	}
	return nil, nil
}

// mayWait reports whether a source of random bytes is another than crypto/rand's, which might wait for anything.
func mayWait(random io.Reader) bool { return random != nil && reflect.TypeOf(random) != systemRandom }

var systemRandom = reflect.TypeOf(rand.Reader)

// beginHere takes a worker's place for the goroutine g, if one is free and nobody is before it. There is no need to hold
// what was prepared for a key: operations that have it don't come here.
func (e *Engine) beginHere(g uintptr) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.queued.Len()+e.waiting.Len() > 0 || e.full() || e.inFlight() >= e.depth || e.inside(g) {
		return false
	}
	e.here = append(e.here, g)
	e.counts.Submitted++
	e.counts.BatchSizes[0]++
	return true
}

// full reports whether no more operations may begin. mu is held.
func (e *Engine) full() bool { return e.busy+len(e.here) >= e.limit }

// inFlight is how many operations are in the handler's hands or on their callers' goroutines. mu is held.
func (e *Engine) inFlight() int { return e.taken.Len() + len(e.here) }

// inside reports whether the goroutine g is in one of the engine's operations, as a worker or in a worker's place. mu is
// held.
func (e *Engine) inside(g uintptr) bool {
	return e.busy > 0 && e.workers[g] || slices.Contains(e.here, g) // a worker is in one while it is in the handler
}

// endHere gives the place back.
func (e *Engine) endHere(g uintptr, began time.Duration, completed bool) {
	took := now() - began
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.here) - 1
	e.here[slices.Index(e.here, g)] = e.here[last]
	e.here = e.here[:last]
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
		e.work.Broadcast() // those that waited for the place have to look whether anything is left
	case e.queued.Len() > 0: // else a worker is woken for nothing, which costs more than all the rest
		e.work.Signal()
	}
}
