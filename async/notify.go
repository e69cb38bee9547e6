package async

// waiter stands in line for a place in the pool.
type waiter struct {
	fn   func(arg any)
	arg  any
	prev *waiter
	next *waiter
	in   bool // in line
	over bool // told and gave up, or left the line
}

// waiterList is a line with the first at its head. The pool's mutex guards it.
type waiterList struct {
	head, tail *waiter
	n          int
}

func (l *waiterList) push(n *waiter) {
	n.in, n.prev = true, l.tail
	if l.tail != nil {
		l.tail.next = n
	} else {
		l.head = n
	}
	l.tail = n
	l.n++
}

func (l *waiterList) remove(n *waiter) {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		l.head = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		l.tail = n.prev
	}
	n.in, n.prev, n.next = false, nil, nil
	l.n--
}

// Notify stands in line for a place after a Start that returned NoJobs. fn is called once, with arg, when there is one:
// at once on the caller's goroutine if it has come free meanwhile, else on the goroutine that frees it, first asked,
// first told. It is also called when the pool is closed. fn must not block; let it tell whoever is to Start again. The
// place is not reserved: if that Start comes too late it returns NoJobs again, so ask again.
//
// A nil fn asks for nothing. Call stop if you lose interest. It leaves the line or, when fn has been called already and
// you are not going to Start, tells the next in line. fn may be running when it returns. OpenSSL has no counterpart:
// there an application at the limit has to guess.
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
	p.mu.Lock()
	p.waiters.push(n)
	p.flags.Or(poolWaited) // before looking: who frees a place after the look sees the flag
	p.mu.Unlock()
	if p.flags.Load()&poolClosed != 0 {
		p.tellAll()
	} else if p.hasPlace() {
		p.tellNext()
	}
	return func() { p.leave(n) }
}

// hasPlace reports whether Start would find a place.
func (p *pool) hasPlace() bool {
	return p.idle.Load()&idleIndex != 0 || p.max == 0 || len(*p.all.Load()) < p.max
}

// take removes the first in line, nil if nobody is.
func (p *pool) take() *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.waiters.head
	if n != nil {
		p.waiters.remove(n)
		p.unsetWaited()
	}
	return n
}

func (p *pool) unsetWaited() {
	if p.waiters.head == nil {
		p.flags.And(^uint32(poolWaited))
	}
}

func (p *pool) tellNext() {
	if n := p.take(); n != nil {
		n.fn(n.arg)
	}
}

func (p *pool) tellAll() {
	for n := p.take(); n != nil; n = p.take() {
		n.fn(n.arg)
	}
}

func (p *pool) leave(n *waiter) {
	p.mu.Lock()
	wasTold := !n.in && !n.over
	if n.in {
		p.waiters.remove(n)
		p.unsetWaited()
	}
	n.over = true
	p.mu.Unlock()
	if wasTold && p.hasPlace() {
		p.tellNext()
	}
}
