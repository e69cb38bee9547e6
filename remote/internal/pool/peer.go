package pool

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"asynccrypto/internal/list"
)

// peer is an address of a node. The pool's lock guards what does not say otherwise.
type peer struct {
	node, addr string          // never change
	life       context.Context // ends when the address is not a node's any more
	end        context.CancelFunc

	link    *link // the connection, also while it joins; nil: none
	failed  bool  // known to be away, until it is up
	err     error // the last one
	since   time.Duration
	retired bool // no new requests; the connection ends when no call waits for an answer
	latency latency
	counts  peerCounts
}

// keep holds the connection of r until its address is not a node's any more.
func (p *Pool) keep(r *peer) {
	for backoff := minBackoff; r.life.Err() == nil; backoff = min(2*backoff, maxBackoff) {
		l := newLink(p, r)
		ctx, cancel := context.WithTimeout(r.life, dialTimeout)
		conn, err := p.c.Dial(ctx, r.node, r.addr, l)
		cancel()
		if err == nil {
			p.join(l, conn)
			<-l.ended
			if p.wasStable(l) {
				backoff = minBackoff
			}
		} else {
			p.notConnected(r, err)
		}
		select {
		case <-r.life.Done():
		case <-time.After(jitter(backoff)):
		}
	}
}

// join takes a connection that Dial has returned. It is up when it has answered a ping: a process
// that is stopped still accepts connections.
func (p *Pool) join(l *link, conn Conn) {
	p.mu.Lock()
	l.conn, l.limit = conn, max(conn.Limit(), 1)
	switch {
	case l.dead:
	case p.closed || l.peer.retired || l.ending:
		l.close()
	default:
		l.peer.link = l
		l.ping(p.now())
	}
	p.unlock()
}

// rise notes that l has answered its first ping. mu is held.
func (p *Pool) rise(l *link, now time.Duration) {
	r := l.peer
	l.up, l.since = true, now
	r.failed, r.err, r.since = false, nil, now
	// A new connection is no faster than the others, or it would be given everything at once.
	least := never
	for _, other := range p.peers {
		if other != r && other.up() {
			least = min(least, other.latency.mean)
		}
	}
	if least != never {
		r.latency.mean = max(r.latency.mean, least)
	}
	p.setDelay()
	p.log(slog.LevelInfo, "a node is up", "node", r.addr)
	p.again(true, now)
	p.wake(now, now) // late requests of suspended nodes have a place now
}

// wasStable reports whether l, which has ended, was up for some time.
func (p *Pool) wasStable(l *link) bool {
	p.mu.Lock()
	defer p.unlock()
	return l.since > 0 && p.now()-l.since >= stable
}

// notConnected notes that r could not be connected.
func (p *Pool) notConnected(r *peer, err error) {
	p.mu.Lock()
	defer p.unlock()
	p.down(r, err, p.now())
}

// down notes that r is away. mu is held.
func (p *Pool) down(r *peer, err error, now time.Duration) {
	if r.retired || p.closed {
		return
	}
	if !r.failed {
		r.since = now
		p.log(slog.LevelWarn, "a node is away", "node", r.addr, "error", err)
	}
	r.failed, r.err = true, err
	for _, n := range p.names {
		if slices.Contains(n.addrs, r.addr) {
			n.lookup()
		}
	}
	p.again(true, now) // those with a fallback do not wait
}

// lost has everything that l had asked elsewhere. mu is held.
func (p *Pool) lost(l *link, err error, now time.Duration) {
	r := l.peer
	l.up, l.dead = false, true
	if r.link == l {
		r.link = nil
		if l.since > 0 {
			r.counts.Lost++
		}
		p.setDelay()
	}
	var calls []*Call // in the order of their requests
	for _, sent := range []*list.List[*attempt]{&l.late, &l.fresh} {
		for a := front(sent); a != nil; a = front(sent) {
			l.forget(a)
			if c := a.call; c != nil {
				c.drop(a)
				calls = append(calls, c)
			}
		}
	}
	l.outbox = l.outbox[:0]
	if l.silent {
		err = fmt.Errorf("no answer to a ping within %v", silence)
	}
	p.down(r, err, now)
	for _, c := range calls {
		if len(c.attempts) == 0 && !c.over && c.checking == 0 {
			p.counts.Again++
			p.dispatch(c, now)
		}
	}
}

// retire ends r when no call waits for its answer. mu is held.
func (p *Pool) retire(r *peer) {
	r.retired = true
	r.end()
	if l := r.link; l != nil && l.conn != nil && !l.wanted() {
		l.close()
	}
}
