// Package pool chooses the node of a key server that does a request, and sees to it that every
// request ends. It knows nothing of sockets: a [Dial] makes its connections, and a [Lookup] finds
// the addresses of its nodes. Each address has one connection.
//
// # Which node
//
// A request goes to the node with the least (load + 1) x latency. The load is the number of requests
// that the node has not answered, and the latency a moving average. So requests that a node does not
// answer keep others away from it, before its latency shows that it has become slow.
//
//	a node                                                       is given
//	that has not answered a ping on this connection              nothing
//	that has answered its last ping by a refusal: it drains      nothing
//	that is suspended: see below                                 nothing until it answers a ping
//	that has as many requests as its hello allows                nothing until it answers one
//	whose signature by a key was wrong                           nothing for the key on this connection
//	that answered Busy, or Unavailable or NoKey for the key      for a while, only what no other node can do
//
// # The watch
//
// A node is pinged every 250 ms while it has requests, and every 5 s while it has none. If a ping is
// not answered within 500 ms, the connection is closed at once, and its requests are asked elsewhere.
//
// # Asking again
//
//	a request                                                    is asked elsewhere
//	whose connection is lost                                     at once
//	that is late: unanswered after the delay                     once, if the budget has room
//	that is late at a node with three late requests              once more, 5 ms after that
//	whose answer is Busy, Unavailable, NoKey or a wrong          at once; when all nodes have refused it:
//	signature                                                    Busy and Unavailable: after a back-off,
//	                                                             Unavailable until [Call].Wait is over
//	whose answer is Expired before its deadline                  as for Unavailable
//	that one node has refused so, while others that have it, or  after a back-off of the first one
//	that it waits for, do not answer
//
// The budget grows by 1 with every 100 requests, to at most 10. A request takes 1 of it, and gives 0.8
// back if its answer comes first. So at most one request in 20 is asked again within the budget if
// that helps, and one in 100 if it does not, as when all is well. A node with three late requests is
// suspended if another node can take its place: it is pinged at once. The 5 ms are for nodes that
// only hiccup: most of those requests are answered within them, and the others are outside the
// budget. Within the budget a request is not asked of a node that was late itself since its last
// ping.
//
// The delay is twice the 95th percentile of the latency of the node whose percentile is least, and
// at least 5 ms. It is 20 ms before there are samples. It is twice the percentile because one
// request in twenty is beyond the percentile when all is well: to ask all of those again would make
// busy nodes busier. The node with the least percentile decides because that is how long a request
// takes elsewhere: a slow node must not put off its own replacement.
package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"asynccrypto/internal/gid"
	"asynccrypto/internal/list"
	"asynccrypto/remote/internal/wire"
)

// The rules' numbers.
const (
	pingBusy    = 250 * time.Millisecond // between pings of a node that has requests
	pingIdle    = 5 * time.Second        // between pings of a node that has none
	silence     = 500 * time.Millisecond // a ping unanswered for so long ends the connection
	minDelay    = 5 * time.Millisecond   // before a request is asked again elsewhere
	firstDelay  = 20 * time.Millisecond  // the same before there are samples
	maxStrikes  = 3                      // late requests that suspend a node
	grace       = 5 * time.Millisecond   // before late requests are asked again outside the budget
	stall       = 2 * time.Millisecond   // a timer that is so late shows that this process was not running
	hedgeShare  = 0.01                   // of a hedge that a request earns
	hedgeRefund = 0.8                    // of a hedge, if its answer comes first
	hedgeBurst  = 10                     // of those at once
	dialTimeout = 2 * time.Second        //
	minBackoff  = 10 * time.Millisecond  // between attempts to connect, and between rounds of a refused request
	maxBackoff  = time.Second            //
	stable      = 100 * time.Millisecond // a connection that was up for so long begins with minBackoff again
	restBusy    = 20 * time.Millisecond  // a node that is Busy is the second choice for so long
	restKey     = 250 * time.Millisecond // the same for a key that is Unavailable on a node, or not there
	lookupEvery = 5 * time.Second        // between look-ups while there are requests
	lookupLeast = 500 * time.Millisecond // between look-ups upon failures
	maxAddrs    = 64                     // of a name: each costs a connection
)

// ErrClosed is the error of calls that a [Pool.Close] ends, and of later ones.
var ErrClosed = errors.New("closed")

// UnavailableError is the error of a call that no node could do.
type UnavailableError struct {
	Reason string // for people
}

// Error returns the reason.
func (e *UnavailableError) Error() string { return e.Reason }

// RefusedError is a node's answer that no other node would better.
type RefusedError struct {
	Addr   string
	Status wire.Status
	Text   string // the node's, for people
}

// Error has the address, the status and the node's text.
func (e *RefusedError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("%s: %v", e.Addr, e.Status)
	}
	return fmt.Sprintf("%s: %v: %s", e.Addr, e.Status, e.Text)
}

// Config describes a Pool to [New]. All fields but VerifyAll are required.
type Config struct {
	Nodes     []string
	Dial      Dial
	Lookup    Lookup
	VerifyAll bool // call Task.Check for each signature, not only for the first of a key from each connection
	Logger    *slog.Logger
}

// Pool is a set of nodes and the requests under way. Any goroutine may use it.
//
// One lock guards everything: a request takes it three times for some hundred nanoseconds, which is
// little beside a signature.
type Pool struct {
	c       Config
	life    context.Context // ends with Close
	end     context.CancelFunc
	start   time.Time // the zero of all durations that are moments
	running sync.WaitGroup

	ownMu sync.Mutex
	own   map[uintptr]int // the goroutines that are in Task.Done or the logger, and how deep

	mu       sync.Mutex
	closed   bool
	names    []*name
	peers    []*peer // of all addresses
	turn     uint    // where the search for a node begins, so that equals take turns
	calls    list.List[*Call]
	waiting  list.List[*Call] // the calls that wait for a node
	deadline time.Duration    // no call's is earlier; never if there are no calls
	budget   float64
	delay    time.Duration
	hedges   uint64 // the last number of wire.Request.Hedge
	lookAt   time.Duration
	timer    *time.Timer
	wakeAt   time.Duration // when the timer runs; never if it does not
	stalled  bool          // the timer was late the last time
	dirty    []*link       // with something in their outbox
	finished []completion  // to be run when the lock is released
	lines    []line        // to be logged when the lock is released
	counts   Stats
}

// never is a moment that does not come.
const never = time.Duration(1<<63 - 1)

// New returns a pool that begins to look up and to connect its nodes. Call Close when done.
func New(c Config) *Pool {
	p := &Pool{
		own: make(map[uintptr]int), c: c, start: time.Now(), budget: hedgeBurst, delay: firstDelay,
		hedges: rand.Uint64() | 1, wakeAt: never, deadline: never,
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.timer = time.NewTimer(time.Hour)
	p.timer.Stop()
	for _, node := range c.Nodes {
		p.names = append(p.names, &name{node: node, kick: make(chan struct{}, 1)})
	}
	for _, n := range p.names {
		p.run(func() { p.resolve(n) })
	}
	p.run(p.loop)
	return p
}

// run runs f on a goroutine of the pool's. A callback that ends its goroutine, as t.FailNow does,
// has f begin again on another one.
func (p *Pool) run(f func()) {
	p.running.Go(func() {
		returned := false
		defer func() {
			if !returned {
				p.run(f)
			}
		}()
		f()
		returned = true
	})
}

// now returns the moment.
func (p *Pool) now() time.Duration { return time.Since(p.start) }

// completion is the end of a call, to be told to its Task.
type completion struct {
	task Task
	data []byte
	err  error
}

// line is a line of the log.
type line struct {
	level slog.Level
	text  string
	args  []any
}

// log logs a line when the lock is released: the logger is not ours. mu is held.
func (p *Pool) log(level slog.Level, text string, args ...any) {
	p.lines = append(p.lines, line{level, text, args})
}

// unlock sends what has gathered, releases the lock, logs, and ends calls. It returns the memory of the
// list of those for the next use.
func (p *Pool) unlock() []completion {
	for _, l := range p.dirty {
		l.flush()
	}
	clear(p.dirty)
	p.dirty = p.dirty[:0]
	finished, lines := p.finished, p.lines
	p.finished, p.lines = nil, nil
	p.mu.Unlock()
	if len(finished)+len(lines) == 0 {
		return finished
	}
	g := gid.Get()
	p.setOwn(g, 1)
	defer p.setOwn(g, -1)
	for _, l := range lines {
		p.c.Logger.Log(p.life, l.level, l.text, l.args...)
	}
	tell(finished)
	clear(finished)
	return finished[:0]
}

// tell ends calls, all of them even if a callback ends the goroutine.
func tell(finished []completion) {
	defer func() {
		if len(finished) > 0 {
			tell(finished)
		}
	}()
	for len(finished) > 0 {
		f := finished[0]
		finished = finished[1:]
		f.task.Done(f.data, f.err)
	}
}

// setOwn notes that the goroutine g goes into Task.Done or the logger (1), or comes out (-1). It may
// use the pool there.
func (p *Pool) setOwn(g uintptr, by int) {
	p.ownMu.Lock()
	defer p.ownMu.Unlock()
	if p.own[g] += by; p.own[g] == 0 {
		delete(p.own, g)
	}
}

// Inside reports whether the caller is in [Task].Done or the logger, where it cannot wait for the pool.
func (p *Pool) Inside() bool {
	g := gid.Get()
	p.ownMu.Lock()
	defer p.ownMu.Unlock()
	return p.own[g] > 0
}

// Close ends every connection, and every call with [ErrClosed]. It returns when no goroutine of the
// pool is left. It may be called again. If a Task calls it in Done, or the logger does, Close returns
// an error and does nothing.
func (p *Pool) Close() error {
	if p.Inside() {
		return errors.New("closed in a callback on one of the engine's own goroutines, for which it would wait; close it on another goroutine")
	}
	p.mu.Lock()
	p.closed = true
	for n := p.calls.Front(); n != nil; {
		next := n.Next()
		p.finish(n.Value, nil, ErrClosed)
		n = next
	}
	for _, r := range p.peers {
		p.retire(r)
		if r.link != nil {
			r.link.close()
		}
	}
	p.unlock()
	p.end()
	p.running.Wait()
	return nil
}
