package pool

import (
	"slices"
	"time"
)

// up reports whether r has answered a ping on its connection. mu is held.
func (r *peer) up() bool { return r.link != nil && r.link.up && !r.retired }

// room reports whether r can be given a request. mu is held.
func (r *peer) room() bool { return r.up() && !r.link.suspended && len(r.link.sent) < r.link.limit }

// room reports whether a node can be given a request. mu is held.
func (p *Pool) room() bool { return slices.ContainsFunc(p.peers, (*peer).room) }

// pick returns the node that c is given to, or nil. mu is held.
func (p *Pool) pick(c *Call, now time.Duration) *link {
	var best *link
	var least time.Duration
	bestRests := false
	p.turn++
	for i := range p.peers {
		r := p.peers[(p.turn+uint(i))%uint(len(p.peers))]
		l := r.link
		if !r.room() || !c.allows(r) {
			continue
		}
		cost, rests := l.cost(), l.rests(c.Request.Key, now)
		if best == nil || bestRests && !rests || bestRests == rests && cost < least {
			best, least, bestRests = l, cost, rests
		}
	}
	return best
}

// cost is the less, the sooner l is likely to answer one more request. mu is held.
func (l *link) cost() time.Duration {
	return time.Duration(len(l.sent)+1) * max(l.peer.latency.mean, time.Microsecond)
}

// rests reports whether l has refused the key, or everything, a moment ago. mu is held.
func (l *link) rests(id [32]byte, now time.Duration) bool {
	k, ok := l.keys[id]
	return now < l.rest || ok && now < k.rest
}

// setDelay follows the latencies of the nodes that are up. mu is held.
func (p *Pool) setDelay() {
	least := time.Duration(0)
	for _, r := range p.peers {
		if p95 := r.latency.p95; r.up() && p95 > 0 && (least == 0 || p95 < least) {
			least = p95
		}
	}
	p.delay = firstDelay
	if least > 0 {
		p.delay = max(minDelay, 2*least)
	}
}

// overdue finds the requests of l that have become late, and suspends l if they are many. mu is held.
func (p *Pool) overdue(l *link, now time.Duration) {
	for a := front(&l.fresh); a != nil; a = front(&l.fresh) {
		if due := a.sent + p.delay; now < due {
			p.wake(due, now)
			break
		}
		l.fresh.Remove(&a.node)
		l.late.PushBack(&a.node)
		a.lateAt, a.epoch = now, l.epoch
		l.strikes++
		l.peer.counts.Late++
	}
	if l.strikes >= maxStrikes && !l.suspended && p.replaceable(l) {
		l.suspended = true
		l.peer.counts.Suspensions++
		if !l.pinging {
			l.ping(now)
		}
	}
}

// askOthers asks others for the late requests of l. mu is held.
func (p *Pool) askOthers(l *link, now time.Duration) {
	many := l.late.Len() >= maxStrikes || l.suspended
	for n := l.late.Front(); n != nil; n = n.Next() {
		a := n.Value
		switch {
		case a.call == nil || a.call.served():
		case many && now >= a.lateAt+grace:
			p.hedge(a, false, now)
		default:
			p.hedge(a, true, now)
			if many {
				p.wake(a.lateAt+grace, now)
			}
		}
	}
}

// replaceable reports whether another node can do what l does. mu is held.
func (p *Pool) replaceable(l *link) bool {
	for _, r := range p.peers {
		if r.link != l && r.up() && !r.link.suspended {
			return true
		}
	}
	return false
}

// served reports whether a node is at c and not late, or an answer to c is being checked. mu is held.
func (c *Call) served() bool {
	for _, a := range c.attempts {
		if a.lateAt == 0 {
			return true
		}
	}
	return c.checking > 0
}

// hedge asks another node for what a asks. If that is bounded, it needs a place in the budget, and a
// node that has not been late itself since its last ping: if all nodes are late, the reason is this
// machine, or the load, and more requests would not help. mu is held.
func (p *Pool) hedge(a *attempt, bounded bool, now time.Duration) {
	c := a.call
	if c.Only != "" || bounded && (c.hedged || p.budget < 1) || c.Task.Abandoned() {
		return
	}
	l := p.pick(c, now)
	if l == nil || bounded && l.strikes > 0 {
		return
	}
	if bounded {
		c.hedged = true
		p.budget--
		p.counts.Hedges++
	} else {
		p.counts.Again++
	}
	p.send(l, c, now)
	c.attempts[len(c.attempts)-1].hedge = bounded
}
