package pool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// cluster is some nodes, and the names by which they are found.
type cluster struct {
	mu      sync.Mutex
	nodes   map[string]*node
	names   map[string][]string // addresses by name; a name that is not there is its own address
	broken  error               // of look-ups
	lookups int
	dials   int
}

// node is a fake node: an address.
type node struct {
	addr string

	mu     sync.Mutex
	away   bool                              // refuses connections
	silent bool                              // accepts connections and requests, and answers nothing
	takes  func() time.Duration              // how long a request takes
	ping   time.Duration                     // how long a ping takes
	drains bool                              // refuses everything, pings too
	answer func(q wire.Request) *wire.Answer // what a request is answered, or nil for a right answer
	limit  int
	conns  map[*conn]bool
	asked  []wire.Request // without pings
	pings  []time.Time
}

func newCluster(addrs ...string) *cluster {
	c := &cluster{nodes: make(map[string]*node), names: make(map[string][]string)}
	for _, addr := range addrs {
		c.nodes[addr] = &node{
			addr: addr, limit: 256, conns: make(map[*conn]bool),
			takes: func() time.Duration { return time.Millisecond }, ping: 100 * time.Microsecond,
		}
	}
	return c
}

func (c *cluster) Lookup(_ context.Context, name string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookups++
	if c.broken != nil {
		return nil, c.broken
	}
	if addrs, ok := c.names[name]; ok {
		return addrs, nil
	}
	return []string{name}, nil
}

var errRefused = errors.New("connection refused")

func (c *cluster) Dial(_ context.Context, _, addr string, h pool.Handler) (pool.Conn, error) {
	c.mu.Lock()
	c.dials++
	n := c.nodes[addr]
	c.mu.Unlock()
	if n == nil {
		return nil, errRefused
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away {
		return nil, errRefused
	}
	k := &conn{n: n, h: h, limit: n.limit, ready: make(chan struct{}, 1)}
	n.conns[k] = true
	go k.read()
	return k, nil
}

// set changes a node.
func (n *node) set(f func(*node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n)
}

// slow makes each request take d.
func (n *node) slow(d time.Duration) {
	n.set(func(n *node) { n.takes = func() time.Duration { return d } })
}

// says has a node answer a status to every request.
func (n *node) says(s wire.Status) {
	n.set(func(n *node) {
		n.answer = func(q wire.Request) *wire.Answer { return &wire.Answer{Status: s, Text: "the node says so"} }
	})
}

// kill ends the node's connections, and its process.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away = true
	for k := range n.conns {
		k.end(errors.New("connection reset by peer"))
	}
}

// restart lets a killed or silent node work again.
func (n *node) restart() { n.set(func(n *node) { n.away, n.silent = false, false }) }

// got returns how many requests the node was sent.
func (n *node) got() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.asked)
}

// requests returns the requests that the node was sent.
func (n *node) requests() []wire.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.asked)
}

// pinged returns when the node was pinged.
func (n *node) pinged() []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.pings)
}

// count returns how often a node was dialled, and how often a name was looked up.
func (c *cluster) count() (dials, lookups int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials, c.lookups
}

// conn is a connection to a node.
type conn struct {
	n     *node
	h     pool.Handler
	limit int
	ready chan struct{} // has room for one

	mu       sync.Mutex
	answers  []wire.Answer
	err      error
	inFlight int
}

func (k *conn) Limit() int { return k.limit }

func (k *conn) Send(qs []*wire.Request) error {
	k.mu.Lock()
	err := k.err
	k.mu.Unlock()
	if err != nil {
		return err
	}
	n := k.n
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range qs {
		r := *q
		r.Data = slices.Clone(q.Data)
		takes := n.ping
		if r.Op == wire.OpPing {
			n.pings = append(n.pings, time.Now())
		} else {
			n.asked = append(n.asked, r)
			takes = n.takes()
			k.mu.Lock()
			if k.inFlight++; k.inFlight > k.limit {
				panic("more requests than the limit")
			}
			k.mu.Unlock()
		}
		time.AfterFunc(takes, func() { n.reply(k, r) })
	}
	return nil
}

// reply answers r on k, unless the node is silent.
func (n *node) reply(k *conn, r wire.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.silent {
		return
	}
	a := &wire.Answer{Data: slices.Concat([]byte("signed "), r.Data)}
	if n.drains {
		a = &wire.Answer{Status: wire.Unavailable, Text: "the node drains"}
	} else if n.answer != nil && r.Op != wire.OpPing {
		if other := n.answer(r); other != nil {
			a = other
		}
	}
	answer := *a
	answer.ID = r.ID
	k.mu.Lock()
	if r.Op != wire.OpPing {
		k.inFlight--
	}
	k.answers = append(k.answers, answer)
	k.mu.Unlock()
	k.wake()
}

func (k *conn) wake() {
	select {
	case k.ready <- struct{}{}:
	default:
	}
}

// end ends the connection.
func (k *conn) end(err error) {
	k.mu.Lock()
	if k.err == nil {
		k.err = err
	}
	k.mu.Unlock()
	k.wake()
}

func (k *conn) Close() { k.end(errors.New("closed by the client")) }

var errExited = errors.New("a callback has ended the reader")

func (k *conn) read() {
	returned := false
	defer func() {
		if !returned {
			k.end(errExited)
			k.h.Closed(errExited)
		}
	}()
	for range k.ready {
		k.mu.Lock()
		answers, err := k.answers, k.err
		k.answers = nil
		k.mu.Unlock()
		if err != nil {
			k.n.set(func(n *node) { delete(n.conns, k) })
			returned = true
			k.h.Closed(err)
			return
		}
		if len(answers) > 0 {
			k.h.Answers(answers)
			for i := range answers {
				clear(answers[i].Data) // not kept
			}
		}
	}
}

// task is a request of a test.
type task struct {
	want      string
	start     time.Time
	abandoned bool
	pause     time.Duration // how long Done blocks
	check     func(data []byte) wire.Status
	done      chan struct{}

	mu     sync.Mutex
	data   string
	err    error
	times  int
	took   time.Duration
	checks int
}

func (t *task) Abandoned() bool { return t.abandoned }

func (t *task) Check(data []byte) wire.Status {
	t.mu.Lock()
	t.checks++
	t.mu.Unlock()
	if t.check != nil {
		return t.check(data)
	}
	if string(data) != t.want {
		return wire.Failed
	}
	return wire.OK
}

func (t *task) Done(data []byte, err error) {
	defer time.Sleep(t.pause)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data, t.err, t.took = string(data), err, time.Since(t.start)
	if t.times++; t.times == 1 {
		close(t.done)
	}
}

var key = wire.KeyID{1}

// start begins a request, with a deadline of 2 s unless change sets another.
func start(p *pool.Pool, change ...func(*pool.Call, *task)) *task {
	data := fmt.Sprint("digest ", rand.Uint64())
	t := &task{want: "signed " + data, start: time.Now(), done: make(chan struct{})}
	c := &pool.Call{
		Request: wire.Request{Op: wire.OpSign, Key: key, Data: []byte(data)},
		Task:    t, Deadline: time.Now().Add(2 * time.Second), Wait: 2 * time.Second,
	}
	for _, f := range change {
		f(c, t)
	}
	p.Do(c)
	return t
}

// wait waits for the end of the request, and returns its error. It wants the right answer.
func (t *task) wait(tt *testing.T) error {
	tt.Helper()
	<-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && t.data != t.want {
		tt.Errorf("got %q, want %q", t.data, t.want)
	}
	if t.times != 1 {
		tt.Errorf("Done was called %d times", t.times)
	}
	return t.err
}

// inBubble runs f in a bubble with a pool of some nodes that are up, and closes the pool.
func inBubble(t *testing.T, nodes []string, f func(t *testing.T, c *cluster, p *pool.Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(nodes...)
		p := c.pool(nodes...)
		time.Sleep(10 * time.Millisecond)
		f(t, c, p)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (c *cluster) pool(nodes ...string) *pool.Pool {
	return pool.New(pool.Config{Nodes: nodes, Dial: c.Dial, Lookup: c.Lookup, Logger: slog.New(slog.DiscardHandler)})
}
