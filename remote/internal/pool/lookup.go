package pool

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// name is a node of the configuration, with its addresses. The pool's lock guards addrs, known and err.
type name struct {
	node  string
	kick  chan struct{} // has room for one
	addrs []string
	known bool // was looked up, with whatever result
	err   error
}

// lookup has the node looked up again.
func (n *name) lookup() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// resolve looks n up, whenever it is asked to, but not too often.
func (p *Pool) resolve(n *name) {
	for backoff := lookupLeast; ; {
		ctx, cancel := context.WithTimeout(p.life, lookupEvery)
		addrs, err := p.c.Lookup(ctx, n.node)
		cancel()
		if len(addrs) == 0 && err == nil {
			err = errors.New(n.node + ": the look-up found no address")
		}
		var retry <-chan time.Time
		if p.found(n, addrs, err); err != nil {
			retry = time.After(backoff)
			backoff = min(2*backoff, lookupEvery)
		} else {
			backoff = lookupLeast
		}
		select {
		case <-p.life.Done():
			return
		case <-time.After(lookupLeast):
		}
		select {
		case <-p.life.Done():
			return
		case <-retry:
		case <-n.kick:
		}
	}
}

// found takes the result of a look-up. A name that does not resolve keeps its addresses.
func (p *Pool) found(n *name, addrs []string, err error) {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return
	}
	now := p.now()
	if n.known && err != nil && n.err == nil {
		p.log(slog.LevelWarn, "a node's name does not resolve; its addresses stay as they were", "node", n.node, "error", err)
	}
	n.known, n.err = true, err
	if err == nil {
		if len(addrs) > maxAddrs {
			if len(n.addrs) < maxAddrs { // once, and not with each look-up
				p.log(slog.LevelWarn, "a node's name has too many addresses; the first ones are used", "node", n.node, "addresses", len(addrs), "used", maxAddrs)
			}
			addrs = addrs[:maxAddrs]
		}
		n.addrs = slices.Clone(addrs)
		p.setPeers()
	}
	p.again(true, now) // those with a fallback do not wait
}

// setPeers makes the peers those of the names' addresses. mu is held.
func (p *Pool) setPeers() {
	wanted := func(addr string) bool {
		return slices.ContainsFunc(p.names, func(n *name) bool { return slices.Contains(n.addrs, addr) })
	}
	for _, r := range p.peers {
		if !r.retired && !wanted(r.addr) {
			p.log(slog.LevelInfo, "an address is not a node's any more", "node", r.node, "address", r.addr)
			p.retire(r)
		}
	}
	for _, n := range p.names {
		for _, addr := range n.addrs {
			if !slices.ContainsFunc(p.peers, func(r *peer) bool { return r.addr == addr && !r.retired }) {
				p.add(n.node, addr)
			}
		}
	}
}

// add begins to connect an address. mu is held.
func (p *Pool) add(node, addr string) {
	r := &peer{node: node, addr: addr, since: p.now()}
	r.life, r.end = context.WithCancel(p.life)
	p.peers = append(p.peers, r)
	p.run(func() {
		p.keep(r)
		p.mu.Lock()
		defer p.unlock()
		p.peers = slices.DeleteFunc(p.peers, func(other *peer) bool { return other == r })
	})
}
