package pool

import (
	"context"
	"time"
)

// loop runs sweep when something may be due.
func (p *Pool) loop() {
	for {
		select {
		case <-p.life.Done():
			p.timer.Stop()
			return
		case <-p.timer.C:
			p.sweep()
		}
	}
}

// wake has sweep run at a moment, or before. A moment that has passed is now: how late sweep runs
// shows whether this process was running. mu is held.
func (p *Pool) wake(at, now time.Duration) {
	if at = max(at, now); at < p.wakeAt {
		p.wakeAt = at
		p.timer.Reset(at - now)
	}
}

// sweep does everything that is due, and sets the timer for the next.
func (p *Pool) sweep() {
	p.mu.Lock()
	now := p.now()
	// If this process was stopped for a while, the nodes are not at fault.
	stopped := time.Duration(0)
	if late := now - p.wakeAt; p.wakeAt != never && late > silence/2 {
		stopped = late
	}
	// If it was for a moment, answers that have come are read first.
	p.stalled = p.wakeAt != never && now-p.wakeAt > stall && !p.stalled
	p.wakeAt = never
	for _, r := range p.peers {
		if l := r.link; l != nil && l.conn != nil {
			l.lastPing += stopped
			if !p.stalled {
				p.watch(l, now)
			}
		}
	}
	if p.stalled {
		p.wake(now+stall, now)
	} else {
		for _, r := range p.peers { // after all of them were seen
			if l := r.link; l != nil {
				p.askOthers(l, now)
			}
		}
	}
	p.expire(now)
	for n := p.waiting.Front(); n != nil; {
		next := n.Next()
		p.waitedEnough(n.Value, now)
		n = next
	}
	p.unlock()
}

// watch pings l, ends it if it has not answered or is no longer wanted, and looks for late requests. mu is held.
func (p *Pool) watch(l *link, now time.Duration) {
	switch {
	case l.peer.retired && !l.wanted():
		l.close()
		return
	case l.pinging && l.checking: // see link.Answers
	case l.pinging && now-l.lastPing >= silence:
		l.silent = true
		l.close()
		p.lost(l, nil, now)
		return
	case l.pinging:
		p.wake(l.lastPing+silence, now)
	case now >= l.nextPing():
		l.ping(now)
	default:
		p.wake(l.nextPing(), now)
	}
	p.overdue(l, now)
}

// expire ends the calls whose deadlines are over. mu is held.
func (p *Pool) expire(now time.Duration) {
	if now >= p.deadline {
		p.deadline = never
		for n := p.calls.Front(); n != nil; {
			c, next := n.Value, n.Next()
			if now >= c.deadline {
				p.finish(c, nil, context.DeadlineExceeded)
			} else {
				p.deadline = min(p.deadline, c.deadline)
			}
			n = next
		}
	}
	p.wake(p.deadline, now)
}

// waitedEnough tries a call in line again when it is time, and ends it when it has waited enough. mu
// is held.
func (p *Pool) waitedEnough(c *Call, now time.Duration) {
	switch {
	case now >= c.limit:
		p.waits(c, 0, c.limit, now) // which ends it
	case c.retry > 0 && now >= c.retry:
		c.retry, c.refused = 0, c.refused[:0]
		p.dispatch(c, now)
	default:
		p.wake(c.limit, now)
		if c.retry > 0 {
			p.wake(c.retry, now)
		}
	}
}
