package engine

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"io"
	"runtime"
	"slices"
	"time"

	"asynccrypto/engine/internal/sysrand"
	"asynccrypto/internal/gid"
)

// mayRunDirect reports whether op may run on the goroutine that calls Do, if the state of the
// engine allows it: see the table at [Config.Direct].
func (e *Engine) mayRunDirect(ctx context.Context, op Op, kind int, inJob bool) bool {
	switch {
	case !e.direct || e.nice > 0:
		return false
	case inJob:
		return short(op) && !e.shares(kind)
	}
	return short(op) || ctx.Done() == nil
}

// shares reports whether operations of a kind share batches.
func (e *Engine) shares(kind int) bool { return kind > 0 && e.maxBatch > 1 }

// shortInput is the most bytes of a short operation's input. Ed25519 hashes the message itself, and
// to hash one that is longer takes longer than all the rest of the operation.
const shortInput = 64 << 10

// short reports whether op is over soon and waits for nothing.
func short(op Op) bool {
	switch o := op.(type) {
	case *VerifyOp:
		return len(o.Digest) <= shortInput
	case *GenerateKeyOp:
		return true
	}
	return onCurve(op)
}

// onCurve reports whether op is a short operation of the standard library's on an elliptic curve.
// It waits for nothing if its random bytes, if it takes any, are crypto/rand's.
func onCurve(op Op) bool {
	var key any
	var random io.Reader
	var input []byte
	switch o := op.(type) {
	case *SignOp:
		key, random, input = o.Key, o.Rand, o.Digest
	case *SignMessageOp:
		key, random, input = o.Key, o.Rand, o.Message
	case *ECDHOp:
		key = o.Key
	}
	switch key.(type) {
	case *ecdsa.PrivateKey, *ecdh.PrivateKey, ed25519.PrivateKey:
		return len(input) <= shortInput && (random == nil || sysrand.Is(random))
	}
	return false
}

// TrySign signs on the calling goroutine if s is a signer of an engine with [Config.Direct] and of an
// RSA, ECDSA or Ed25519 key of the standard library, and the table there lets the operation run on its
// caller's goroutine if its context cannot end. Otherwise done is false, and nothing has happened. So
// TrySign takes as long as one signature, and never waits: not for a worker or another operation, and
// not for a key that is elsewhere. It also signs so if the engine has Nice: the caller asks for its own
// priority.
//
// TrySign is for a server that reads a request, and would give it to another goroutine if it cannot be
// answered at once. It takes the arguments of [Signer], and returns its errors. It does not use the
// context of s, so it pauses no job.
func TrySign(s crypto.Signer, rand io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, done bool, err error) {
	w, ok := s.(wrapped)
	if !ok {
		return nil, false, nil
	}
	k := w.bound()
	if !k.e.direct || k.state.closed.Load() || !computes(k.signer) || rand != nil && !sysrand.Is(rand) {
		return nil, false, nil
	}
	op := k.signOp(rand, digest, opts)
	if done, err = k.e.runDirect(op, k.e.kindOf(op), false, now()); err != nil || !done {
		return nil, done, err
	}
	return op.Signature, true, nil
}

// computes reports whether a key only computes: any other may wait for something.
func computes(key crypto.Signer) bool {
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}

// runDirect runs op on the calling goroutine if the engine's state allows it; done reports whether
// it did. There is no Request: only the caller waits for op, and a Shutdown whose context is done
// could not answer it before op returns anyway. For the fastest operations every 100 ns here
// decide whether the engine costs anything.
func (e *Engine) runDirect(op Op, kind int, inJob bool, began time.Duration) (done bool, err error) {
	g := gid.Get()
	if begun, err := e.beginDirect(g, op, kind, inJob, began); !begun {
		return err != nil, err
	}
	returned := false
	defer func() {
		if !returned { // op panicked, or is exiting the goroutine
			done, err = true, newPanicError(recover())
		}
		releaseKey(op)
		e.endDirect(g, began, err == nil)
	}()
	err = e.alone(op)
	returned = true
	return true, err
}

// beginDirect makes the goroutine g stand in for a worker, if [Engine.allowsDirect]. It holds the
// key of op. Its error is ErrClosed if the signer has been closed.
func (e *Engine) beginDirect(g uintptr, op Op, kind int, inJob bool, began time.Duration) (begun bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.inside(g) || !e.allowsDirect(kind, inJob, began) {
		return false, nil
	}
	if !holdKey(op) {
		return false, ErrClosed
	}
	e.directRunners = append(e.directRunners, g)
	e.counts.Submitted++
	e.countBatch(kind, 1)
	return true, nil
}

// endDirect ends what beginDirect began: a worker may run again.
func (e *Engine) endDirect(g uintptr, began time.Duration, completed bool) {
	ended := now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.callers.lastEnd = ended
	last := len(e.directRunners) - 1
	e.directRunners[slices.Index(e.directRunners, g)] = e.directRunners[last]
	e.directRunners = e.directRunners[:last]
	if completed {
		e.counts.Completed++
	} else {
		e.counts.Failed++
	}
	e.counts.Latency.add(ended - began)
	e.makeRoom()
	e.checkDrained()
	switch {
	case e.closed:
		e.work.Broadcast() // every worker that waited its turn has to see whether anything is left
	case e.queued.Len() > 0: // otherwise a worker wakes for nothing, which costs more than all the rest
		e.work.Signal()
	}
}

// allowsDirect reports whether the engine's state lets an operation that began at that moment run
// on its caller's goroutine: the last column of the table at [Config.Direct]. mu is held, but
// released if the caller yields.
func (e *Engine) allowsDirect(kind int, inJob bool, began time.Duration) bool {
	idle := func() bool { return e.inFlight()+e.queued.Len()+e.waiting.Len()+e.callers.yielding == 0 }
	switch {
	case e.full() || e.queued.Len()+e.waiting.Len() > 0 || e.inFlight() >= e.depth:
		return false
	case inJob:
		return idle() && began-e.callers.lastEnd >= jobAlone
	case !e.shares(kind):
		return true
	case !idle() || e.callers.many(began):
		return false
	case !e.callers.mustYield(began):
		return true
	}
	e.callers.yielding++
	others := e.yield(&e.callers.yields)
	e.callers.yielding--
	if others {
		e.callers.crowd = crowdBatches
		return false
	}
	return !e.closed && !e.full()
}

// yield lets other goroutines run, and reports whether they have submitted operations meanwhile. y
// learns from it. mu is held, but released meanwhile.
func (e *Engine) yield(y *yields) (others bool) {
	submitted, began := e.counts.Submitted, now()
	e.mu.Unlock()
	runtime.Gosched()
	ended := now()
	e.mu.Lock()
	others = e.counts.Submitted != submitted
	y.saw(began, ended, others)
	return others
}

// yields decides when the next yield is worth its time. The engine's mutex guards it.
type yields struct {
	least time.Duration // the shortest pause
	pause time.Duration // the last one
	next  time.Duration // nobody yields before then
}

// saw learns from a yield. If others came, the time was theirs, and a batch makes up for it. If
// nobody came, a pause of 100 times that long keeps the loss at 1%. But one long yield says little:
// if another process had the processor meanwhile, it looks like one that let goroutines compute. So
// the pause is at most a time slice, or twice the last pause if that is longer. It becomes long
// only if yield after yield is long.
func (y *yields) saw(began, ended time.Duration, others bool) {
	if others {
		y.pause = 0
	} else {
		y.pause = min(max(y.least, 100*(ended-began)), max(timeSlice, 2*y.pause))
	}
	y.next = ended + y.pause
}

// callers tells a caller that is alone from one of many. The operations in flight do not tell
// that: on one processor, each of many goroutines finds the engine idle when its turn comes, and
// none of them meets another while it computes. So now and then one yields, to see whether others
// come. The engine's mutex guards callers.
type callers struct {
	lastEnd  time.Duration // when the last operation ended
	yields   yields        // of callers
	yielding int           // callers that have yielded
	crowd    int           // the callers are many if it is above 0
}

// These limits are long beside the way to a worker and back, and short beside the time in which a
// program's load changes.
const (
	// An operation of a job is alone if the last one ended this long ago.
	jobAlone = 50 * time.Microsecond
	// Callers are alone if their operations are further apart.
	dense = 200 * time.Microsecond
	// The least time between two yields of callers that find nobody.
	yieldPause = 250 * time.Microsecond
	// After so long Go's scheduler takes the processor from a goroutine.
	timeSlice = 10 * time.Millisecond
	// Callers are no longer many when the engine has been idle for so long,
	crowdLeft = time.Millisecond
	// or after this many batches of one.
	crowdBatches = 8
)

// many reports whether the callers are many, for an operation that begins now on an idle engine.
func (c *callers) many(began time.Duration) bool {
	if began-c.lastEnd >= crowdLeft {
		c.crowd = 0
	}
	return c.crowd > 0
}

// mustYield reports whether the caller of an operation that begins now is to yield.
func (c *callers) mustYield(began time.Duration) bool {
	return began-c.lastEnd < dense && began >= c.yields.next
}

// saw learns from the size of a batch that a worker takes.
func (c *callers) saw(batch int) {
	if batch > 1 {
		c.crowd = crowdBatches
	} else if c.crowd > 0 {
		c.crowd--
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
