package pool

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"asynccrypto/internal/list"
	"asynccrypto/remote/internal/wire"
)

// Task is the caller's side of a [Call].
type Task interface {
	// Abandoned reports whether nobody waits for the answer any more. It is called with the pool's
	// lock held.
	Abandoned() bool
	// Check judges an answer of the status OK. It returns OK, or NoKey if another node should be
	// asked, or any other status if the answer is wrong. Signatures are checked as
	// [Config].VerifyAll says, other answers always. Several goroutines may call Check at once.
	// Done is not called meanwhile.
	Check(data []byte) wire.Status
	// Done ends the call, once. data is valid until Done returns. err is nil, [ErrClosed],
	// [context.DeadlineExceeded], [context.Canceled] for an abandoned call, a [*RefusedError] or a
	// [*UnavailableError].
	Done(data []byte, err error)
}

// Call is a request to whichever node. The pool owns it from [Pool.Do] until [Task].Done returns.
type Call struct {
	Request  wire.Request // ID, Timeout and Hedge are the pool's
	Task     Task
	Deadline time.Time     // required
	Wait     time.Duration // how long the call may wait while no node is up, or those that are answer Unavailable
	Fallback bool          // do not wait for nodes that are known to be away
	Only     string        // the only address to ask, without a second try; or ""

	deadline time.Duration
	noNode   time.Duration // end of Wait; 0 while a node is up
	unable   time.Duration // end of Wait since all nodes that are up have refused it; 0: they have not
	limit    time.Duration // in waiting: the end of the wait
	patience time.Duration // a little before the deadline: end of all waiting outside a node
	first    attempt       // its memory
	attempts []*attempt    // in flight
	memory   [2]*attempt   // of attempts
	refused  []refusal     // of this round
	round    int
	retry    time.Duration // in waiting: the moment of the next try; 0: when something changes
	hedged   bool          // the budget has paid for it
	checking int           // goroutines in Task.Check
	over     bool
	answer   []byte // of a call that is over, and perhaps still being checked
	result   error  // the same
	all      list.Node[*Call]
	line     list.Node[*Call] // on Pool.waiting
}

// refusal is an answer for which a call is asked elsewhere.
type refusal struct {
	by     *peer
	status wire.Status // NoKey, Busy, Unavailable; OK if the answer was wrong
	text   string
}

// passes reports whether the node may do the call a little later.
func (f refusal) passes() bool { return f.status == wire.Busy || f.status == wire.Unavailable }

// attempt is a request on a connection.
type attempt struct {
	call   *Call // nil once it is over
	link   *link
	id     uint64
	sent   time.Duration
	lateAt time.Duration // when it became late; 0: it is not
	epoch  int           // of link.strikes
	hedge  bool          // the budget has paid for it
	node   list.Node[*attempt]
}

// Do does calls, and returns at once. A Task's Done may be called before Do returns.
func (p *Pool) Do(calls ...*Call) {
	p.mu.Lock()
	now := p.now()
	for _, c := range calls {
		p.counts.Requests++
		c.all.Value, c.line.Value = c, c
		c.attempts = c.memory[:0]
		if p.closed {
			c.over = true
			p.finished = append(p.finished, completion{c.Task, nil, ErrClosed})
			p.counts.ended(ErrClosed)
			continue
		}
		left := time.Until(c.Deadline)
		c.deadline = now + left
		c.patience = c.deadline - min(left/10, 20*time.Millisecond)
		if c.Request.Op == wire.OpSign && len(p.peers) > 1 {
			p.hedges++
			c.Request.Hedge = p.hedges
		}
		p.budget = min(p.budget+hedgeShare, hedgeBurst)
		p.calls.PushBack(&c.all)
		p.deadline = min(p.deadline, c.deadline)
		p.dispatch(c, now)
	}
	p.wake(p.deadline, now)
	if now >= p.lookAt {
		p.lookAt = now + lookupEvery
		for _, n := range p.names {
			n.lookup()
		}
	}
	p.unlock()
}

// dispatch gives c to a node, or lets it wait, or ends it. mu is held.
func (p *Pool) dispatch(c *Call, now time.Duration) {
	switch {
	case c.over || c.checking > 0:
	case now >= c.deadline:
		p.finish(c, nil, context.DeadlineExceeded)
	case c.Task.Abandoned():
		p.finish(c, nil, context.Canceled)
	default:
		if l := p.pick(c, now); l != nil {
			p.send(l, c, now)
		} else if len(c.attempts) > 0 { // those nodes may hang
			p.waits(c, c.nextRound(now), c.patience, now)
		} else {
			p.noPlace(c, now)
		}
	}
}

// noPlace decides about a call that no node can be given. mu is held.
func (p *Pool) noPlace(c *Call, now time.Duration) {
	up, known := false, true
	for _, r := range p.peers {
		switch {
		case r.retired || c.Only != "" && c.Only != r.addr:
			continue
		case r.up() && c.allows(r): // it is full, or suspended
			up = true
		case r.up() && len(c.refused) == 0: // its signature was wrong before
			c.refused = append(c.refused, refusal{by: r})
		}
		known = known && r.failed
	}
	for _, n := range p.names {
		known = known && n.known
	}
	switch {
	case c.Only != "" && !(up && len(c.refused) == 0):
		p.finish(c, nil, p.unavailable(c))
	case up:
		c.noNode = 0
		retry := time.Duration(0)
		if slices.ContainsFunc(c.refused, refusal.passes) {
			retry = c.nextRound(now) // perhaps before a node that may hang has room
		}
		p.waits(c, retry, c.patience, now)
	case len(c.refused) > 0:
		p.refusedByAll(c, now)
	case c.Fallback && known:
		p.finish(c, nil, p.unavailable(c))
	default:
		if c.noNode == 0 {
			c.noNode = min(now+c.Wait, c.patience)
		}
		p.waits(c, 0, c.noNode, now)
	}
}

// allows reports whether c may still be asked of r. mu is held.
func (c *Call) allows(r *peer) bool {
	if c.Only != "" && c.Only != r.addr {
		return false
	}
	for i := range c.refused {
		if c.refused[i].by == r {
			return false
		}
	}
	for _, a := range c.attempts {
		if a.link.peer == r {
			return false
		}
	}
	return r.link == nil || !r.link.key(c.Request.Key).wrong
}

// refusedByAll decides about a call that every node which is up has refused. mu is held.
func (p *Pool) refusedByAll(c *Call, now time.Duration) {
	one := func(s wire.Status) bool {
		return slices.ContainsFunc(c.refused, func(f refusal) bool { return f.status == s })
	}
	switch {
	case one(wire.Busy):
		p.waits(c, c.nextRound(now), c.patience, now)
	case one(wire.Unavailable) && !c.Fallback:
		if c.unable == 0 {
			c.unable = min(now+c.Wait, c.patience)
		}
		p.waits(c, c.nextRound(now), c.unable, now)
	case one(wire.Unavailable), one(wire.OK):
		p.finish(c, nil, p.unavailable(c))
	default:
		f := &c.refused[0]
		p.finish(c, nil, &RefusedError{f.by.addr, f.status, f.text})
	}
}

// nextRound returns when the nodes that have refused c for a while are asked again.
func (c *Call) nextRound(now time.Duration) time.Duration {
	backoff := min(minBackoff<<min(c.round, 10), maxBackoff)
	c.round++
	return now + jitter(backoff)
}

// jitter returns a duration between 3/4 of d and d, but less than d: a call that waits for
// [maxBackoff] sees an attempt to connect to each node.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/4) }

// waits puts c into the line: until retry, or until something changes if retry is 0, but not beyond
// a limit. mu is held.
func (p *Pool) waits(c *Call, retry, limit, now time.Duration) {
	if now >= limit {
		if p.waiting.Remove(&c.line); len(c.attempts) == 0 {
			p.finish(c, nil, p.unavailable(c))
		}
		return
	}
	c.retry, c.limit = retry, limit
	if c.line.List() == nil {
		p.waiting.PushBack(&c.line)
	}
	p.wake(limit, now)
	if retry > 0 {
		p.wake(retry, now)
	}
}

// again tries the calls in line that wait for a change: all of them, or as long as a node has room. A
// call that may not be given to that node keeps no other from it. mu is held.
func (p *Pool) again(all bool, now time.Duration) {
	for n := p.waiting.Front(); n != nil && (all || p.room()); {
		next := n.Next()
		if c := n.Value; c.retry == 0 {
			p.dispatch(c, now)
		}
		n = next
	}
}

// send asks l to do c. mu is held.
func (p *Pool) send(l *link, c *Call, now time.Duration) {
	p.waiting.Remove(&c.line)
	c.noNode = 0
	a := &c.first
	if a.link != nil {
		a = new(attempt)
	}
	l.lastID++
	*a = attempt{call: c, link: l, id: l.lastID, sent: now}
	a.node.Value = a
	c.attempts = append(c.attempts, a)
	l.sent[a.id] = a
	l.fresh.PushBack(&a.node)
	l.peer.counts.Asked++
	l.outgoing(a)
	p.wake(now+p.delay, now)
	if !l.pinging {
		p.wake(l.lastPing+pingBusy, now)
	}
}

// drop takes an attempt off its call, when its answer is there or its connection is lost.
func (c *Call) drop(a *attempt) {
	if i := slices.Index(c.attempts, a); i >= 0 {
		c.attempts = slices.Delete(c.attempts, i, i+1)
	}
	a.call = nil
}

// refuse notes that a node has refused c, and asks another. If another is at it already, that one may
// hang: then c is asked again of the node that has refused it for a while. mu is held.
func (p *Pool) refuse(c *Call, f refusal, now time.Duration) {
	c.refused = append(c.refused, f)
	switch {
	case c.over:
	case len(c.attempts) == 0:
		p.counts.Again++
		p.dispatch(c, now)
	case f.passes() && c.Only == "":
		p.counts.Again++
		p.waits(c, c.nextRound(now), c.patience, now)
	}
}

// finish ends c. If c is being checked, the last goroutine that does so ends it. mu is held.
func (p *Pool) finish(c *Call, data []byte, err error) {
	if !c.over {
		c.over, c.answer, c.result = true, data, err
		if c.checking > 0 {
			c.answer = bytes.Clone(data) // which another goroutine passes on
		}
		p.calls.Remove(&c.all)
		p.waiting.Remove(&c.line)
		for _, a := range c.attempts {
			a.call = nil
		}
		c.attempts = nil
		c.Request.Data = nil
		p.counts.ended(err)
	}
	if c.checking == 0 && c.Task != nil {
		p.finished = append(p.finished, completion{c.Task, c.answer, c.result})
		c.Task = nil
	}
}

// unavailable returns the error of a call that no node could do.
func (p *Pool) unavailable(c *Call) error {
	if n := len(c.refused); n > 0 {
		f := c.refused[n-1]
		switch {
		case f.status == wire.OK:
			return &UnavailableError{f.by.addr + ": its signature was wrong"}
		case f.text != "":
			return &UnavailableError{f.by.addr + ": " + f.status.String() + ": " + f.text}
		}
		return &UnavailableError{f.by.addr + ": " + f.status.String()}
	}
	if len(p.peers) == 0 {
		for _, n := range p.names {
			if n.err != nil {
				return &UnavailableError{"no node is up: " + n.err.Error()}
			}
		}
	}
	for _, r := range p.peers {
		if r.err != nil {
			return &UnavailableError{"no node is up: " + r.addr + ": " + r.err.Error()}
		}
	}
	return &UnavailableError{"no node is up"}
}
