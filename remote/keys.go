package remote

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// Key is a key that this client may use.
type Key struct {
	Name   string
	Public crypto.PublicKey // nil if it is of a kind that this version of Go does not know
	Rules  []string         // the client's permissions, in words of the allow file
	Nodes  []string         // the addresses of the nodes that have it
}

// Keys returns the keys that this client may use, of all nodes that are up, sorted by name. If no
// node is up it waits for one, as an operation does. Keys that have one name and are not the same,
// or that have other rules on other nodes, are listed more than once. The error is that of the node
// that was asked last, if none has answered.
func (e *Engine) Keys(ctx context.Context) ([]Key, error) {
	q := &query{e: e}
	for _, n := range e.pool.Nodes() {
		if n.Up {
			q.only = append(q.only, n.Addr)
		}
	}
	if err := e.eng.Do(ctx, q); err != nil {
		return nil, err
	}
	return merge(q.found), nil
}

// merge makes one Key of the answers of all nodes about the same key.
func merge(found []foundKey) []Key {
	var keys []Key
	known := make(map[string]int) // where it is in keys
	for _, f := range found {
		id := fmt.Sprintf("%q %x %q", f.Name, f.SPKI, f.Rules)
		i, ok := known[id]
		if !ok {
			pub, _ := x509.ParsePKIXPublicKey(f.SPKI)
			i, known[id] = len(keys), len(keys)
			keys = append(keys, Key{Name: f.Name, Public: pub, Rules: f.Rules})
		}
		if f.node != "" {
			keys[i].Nodes = append(keys[i].Nodes, f.node)
		}
	}
	slices.SortStableFunc(keys, func(a, b Key) int { return cmp.Compare(a.Name, b.Name) })
	return keys
}

// query is an operation of the engine that asks nodes for their keys.
type query struct {
	e    *Engine
	name string   // the only key; "": all
	only []string // the addresses to ask; none: any node
	r    *engine.Request
	end  time.Time // the deadline of all pages

	mu    sync.Mutex
	left  int // nodes that have not answered
	found []foundKey
	good  bool // one has
	err   error
}

// foundKey is a key, and the address of its node if that is known.
type foundKey struct {
	wire.Key
	node string
}

// Run implements engine.Op.
func (q *query) Run() error { return errInside }

// begin adds the calls of q to calls.
func (q *query) begin(calls []*pool.Call, r *engine.Request) []*pool.Call {
	q.r, q.left = r, max(len(q.only), 1)
	if len(q.only) == 0 {
		return append(calls, q.page(&page{}))
	}
	for _, addr := range q.only {
		calls = append(calls, q.page(&page{addr: addr}))
	}
	return calls
}

// page returns the call for a page. The first one's deadline is that of all.
func (q *query) page(p *page) *pool.Call {
	p.q, p.call = q, q.e.call(q.r, p, wire.Request{Op: wire.OpList, Name: q.name, Data: []byte(p.after)})
	p.call.Only = p.addr
	if q.end.IsZero() {
		q.end = p.call.Deadline
	}
	p.call.Deadline = q.end
	return &p.call
}

// page is a part of a node's answer to a query. It is the [pool.Task] of its call.
type page struct {
	call  pool.Call
	q     *query
	addr  string
	after string // the name that the page begins after
	size  int    // bytes of the pages before
}

// maxList is the most bytes of a node's list of keys.
const maxList = 16 << 20

// Abandoned implements [pool.Task].
func (p *page) Abandoned() bool { return p.q.r.Abandoned() }

// Check implements [pool.Task].
func (p *page) Check(data []byte) wire.Status {
	keys, err := wire.ParseKeys(data)
	switch {
	case err != nil:
		return wire.Failed
	case p.q.name == "":
		if !p.follows(keys) || p.size+len(data) > maxList {
			return wire.Failed
		}
	case len(keys) == 0:
		return wire.NoKey
	case len(keys) > 1 || keys[0].Name != p.q.name:
		return wire.Failed
	}
	return wire.OK
}

// follows reports whether keys are in the order of their names, after those of the pages before. So a
// list ends.
func (p *page) follows(keys []wire.Key) bool {
	last := p.after
	for _, k := range keys {
		if k.Name <= last {
			return false
		}
		last = k.Name
	}
	return true
}

// Done implements [pool.Task].
func (p *page) Done(data []byte, err error) {
	q := p.q
	var keys []wire.Key
	if err == nil {
		keys, err = wire.ParseKeys(data)
	}
	q.mu.Lock()
	for _, k := range keys {
		q.found = append(q.found, foundKey{k, p.addr})
	}
	more := q.name == "" && len(keys) > 0
	if !more {
		q.left--
		q.good = q.good || err == nil
		if err != nil {
			q.err = err
		}
	}
	over := q.left == 0
	q.mu.Unlock()
	switch {
	case more:
		// Without an address, another node may continue the list: the names are in the same order.
		q.e.pool.Do(q.page(&page{addr: p.addr, after: keys[len(keys)-1].Name, size: p.size + len(data)}))
	case over && q.good:
		q.r.Complete(nil)
	case over:
		q.r.Complete(q.e.outcome(q.err))
	}
}
