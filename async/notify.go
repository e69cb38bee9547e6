package async

import "asynccrypto/internal/list"

// waiter is one call of Notify. Its node is on the pool's list of waiters until fn is called or
// stop takes it off. The pool's mutex guards it.
type waiter struct {
	node    list.Node[*waiter]
	fn      func(arg any)
	arg     any
	stopped bool // stop has been called
}

// Notify makes the pool call fn(arg) once, when it has a free place for a job. Call it after
// [Pool.Start] has returned [NoJobs]. If a place came free since that Start, fn is called at once,
// on the caller's goroutine; otherwise it is called on the goroutine that frees a place. Waiters
// are notified first in, first out. Close notifies all of them. fn must not block: let it tell
// another goroutine to call Start again. The place is not reserved. If another job takes it first,
// Start returns NoJobs again, so call Notify again.
//
// If fn is nil, Notify does nothing. Call stop if you no longer want to call Start: it takes fn
// off the queue or, if fn was called already, passes the notification on to the next waiter. fn
// may still be running when stop returns. OpenSSL has no counterpart: there an application at the
// limit has to guess when to try again.
func (pool *Pool) Notify(fn func(arg any), arg any) (stop func()) {
	p := pool.p
	if fn == nil {
		return func() {}
	}
	if p == nil {
		fn(arg)
		return func() {}
	}
	n := &waiter{fn: fn, arg: arg}
	n.node.Value = n
	p.mu.Lock()
	p.waiters.PushBack(&n.node)
	// The flag is set before the look for a place: a goroutine that frees one after the look sees
	// the flag.
	p.flags.Or(poolWaited)
	p.mu.Unlock()
	if p.flags.Load()&poolClosed != 0 {
		p.notifyAll()
	} else if p.hasPlace() {
		p.notifyNext()
	}
	return func() { p.stopWaiting(n) }
}

// hasPlace reports whether Start would find a place.
func (p *pool) hasPlace() bool {
	return p.idle.Load()&idleIndex != 0 || p.max == 0 || len(*p.all.Load()) < p.max
}

// nextWaiter removes and returns the waiter that came first, or nil if there is none.
func (p *pool) nextWaiter() *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	front := p.waiters.Front()
	if front == nil {
		return nil
	}
	p.removeWaiter(front.Value)
	return front.Value
}

// removeWaiter takes n off the list. The caller holds mu.
func (p *pool) removeWaiter(n *waiter) {
	p.waiters.Remove(&n.node)
	if p.waiters.Len() == 0 {
		p.flags.And(^uint32(poolWaited))
	}
}

func (p *pool) notifyNext() {
	if n := p.nextWaiter(); n != nil {
		n.fn(n.arg)
	}
}

func (p *pool) notifyAll() {
	for n := p.nextWaiter(); n != nil; n = p.nextWaiter() {
		n.fn(n.arg)
	}
}

// stopWaiting is the stop function of a Notify.
func (p *pool) stopWaiting(n *waiter) {
	p.mu.Lock()
	waiting := n.node.List() != nil
	notified := !waiting && !n.stopped
	if waiting {
		p.removeWaiter(n)
	}
	n.stopped = true
	p.mu.Unlock()
	if notified && p.hasPlace() {
		p.notifyNext()
	}
}
