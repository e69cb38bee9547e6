package pool

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"asynccrypto/internal/list"
	"asynccrypto/remote/internal/wire"
)

// link is a connection of a peer, and its [Handler]. The pool's lock guards what does not say
// otherwise.
type link struct {
	p      *Pool
	peer   *peer
	ended  chan struct{} // closed when the connection has ended, and its calls are elsewhere
	conn   Conn          // nil until Dial has returned
	limit  int
	ending bool // Close was called, or is to be called as soon as there is conn
	dead   bool // has nothing more to do
	up     bool // has answered a ping
	since  time.Duration

	sent   map[uint64]*attempt // in flight
	fresh  list.List[*attempt] // those that are not late, the oldest first
	late   list.List[*attempt]
	lastID uint64
	keys   map[wire.KeyID]*keyState
	rest   time.Duration // second choice until then

	strikes   int // requests that are late, and that became so since the last answer to a ping
	epoch     int // counts those answers
	suspended bool

	pinging  bool // a ping is not answered
	silent   bool // and will not be waited for any longer
	pingID   uint64
	lastPing time.Duration
	answered bool // a request since lastPing
	checking bool // the reader checks answers, and reads no others meanwhile

	outbox   []*attempt
	requests []wire.Request  // memory of flush
	pointers []*wire.Request // memory of flush
	checks   []check         // memory of Answers, the reader's
	spare    []completion    // memory of Answers, the reader's
}

// keyState is about a key on a connection.
type keyState struct {
	verified bool          // a signature was verified
	wrong    bool          // a signature was wrong
	rest     time.Duration // second choice until then
}

// check is an answer to be checked.
type check struct {
	call *Call
	task Task
	key  wire.KeyID
	data []byte
	says wire.Status
}

func newLink(p *Pool, r *peer) *link {
	return &link{p: p, peer: r, ended: make(chan struct{}), sent: make(map[uint64]*attempt), keys: make(map[wire.KeyID]*keyState)}
}

func front(l *list.List[*attempt]) *attempt {
	if n := l.Front(); n != nil {
		return n.Value
	}
	return nil
}

// key returns the state of a key on l. mu is held.
func (l *link) key(id wire.KeyID) *keyState {
	k, ok := l.keys[id]
	if !ok {
		k = new(keyState)
		l.keys[id] = k
	}
	return k
}

// outgoing puts a into the outbox. mu is held.
func (l *link) outgoing(a *attempt) {
	if len(l.outbox) == 0 {
		l.p.dirty = append(l.p.dirty, l)
	}
	l.outbox = append(l.outbox, a)
}

// flush sends the outbox. mu is held.
func (l *link) flush() {
	now := l.p.now()
	l.requests, l.pointers = l.requests[:0], l.pointers[:0]
	for _, a := range l.outbox {
		if a.call == nil {
			if l.sent[a.id] == a { // it ended before it was sent
				l.forget(a)
			}
			continue
		}
		q := a.call.Request
		q.ID, q.Timeout = a.id, max(a.call.deadline-now, time.Millisecond)
		l.requests = append(l.requests, q)
	}
	for i := range l.requests {
		l.pointers = append(l.pointers, &l.requests[i])
	}
	if len(l.pointers) > 0 && l.conn.Send(l.pointers) != nil {
		l.close()
	}
	clear(l.outbox)
	clear(l.requests)
	l.outbox = l.outbox[:0]
}

// close ends the connection; Closed follows. mu is held.
func (l *link) close() {
	l.up, l.ending = false, true
	if l.conn != nil {
		l.conn.Close()
	}
}

// forget takes a off l. mu is held.
func (l *link) forget(a *attempt) {
	delete(l.sent, a.id)
	if a.lateAt > 0 {
		l.late.Remove(&a.node)
		if a.epoch == l.epoch {
			l.strikes--
		}
	} else {
		l.fresh.Remove(&a.node)
	}
}

// wanted reports whether a call waits for an answer of l. mu is held.
func (l *link) wanted() bool {
	for _, a := range l.sent {
		if a.call != nil {
			return true
		}
	}
	return false
}

// ping sends a ping. mu is held.
func (l *link) ping(now time.Duration) {
	l.lastID++
	l.pinging, l.pingID, l.lastPing, l.answered = true, l.lastID, now, false
	l.p.wake(now+silence, now)
	if l.conn.Send([]*wire.Request{{ID: l.pingID, Op: wire.OpPing}}) != nil {
		l.close()
	}
}

// pinged notes the answer to a ping. mu is held.
func (l *link) pinged(answer *wire.Answer, now time.Duration) {
	l.pinging = false
	l.p.wake(l.nextPing(), now)
	if answer.Status != wire.OK {
		if l.up = false; !l.peer.failed {
			l.p.setDelay()
			l.p.down(l.peer, fmt.Errorf("%v: %s", answer.Status, answer.Text), now)
		}
		return
	}
	l.strikes = 0
	l.epoch++
	if !l.answered && len(l.sent) == 0 { // a node that is given nothing is not slow for ever
		l.peer.latency.idle(now - l.lastPing)
	}
	if !l.up {
		l.p.rise(l, now)
	}
	if l.suspended {
		l.suspended = false
		l.p.again(true, now)
	}
}

// nextPing returns when the next ping is due. mu is held.
func (l *link) nextPing() time.Duration {
	if len(l.sent) > 0 || !l.up {
		return l.lastPing + pingBusy
	}
	return l.lastPing + pingIdle
}

// Answers implements [Handler].
func (l *link) Answers(answers []wire.Answer) {
	p := l.p
	p.mu.Lock()
	p.finished = l.spare
	now := p.now()
	for i := range answers {
		l.answer(&answers[i], now)
	}
	if p.waiting.Len() > 0 {
		p.again(false, now) // there is room
	}
	l.checking = len(l.checks) > 0
	l.spare = p.unlock()
	if len(l.checks) == 0 {
		return
	}
	for i := range l.checks {
		l.checks[i].says = l.checks[i].task.Check(l.checks[i].data)
	}
	p.mu.Lock()
	p.finished = l.spare
	began := now
	now = p.now()
	l.checking = false
	if l.pinging { // its answer may have waited
		l.lastPing += now - began
		p.wake(l.lastPing+silence, now)
	}
	for i := range l.checks {
		l.checked(&l.checks[i], now)
	}
	l.spare = p.unlock()
	clear(l.checks)
	l.checks = l.checks[:0]
}

// answer takes an answer. mu is held.
func (l *link) answer(answer *wire.Answer, now time.Duration) {
	if l.pinging && answer.ID == l.pingID {
		l.pinged(answer, now)
		return
	}
	a, ok := l.sent[answer.ID]
	if !ok {
		l.peer.err = fmt.Errorf("an answer to no request: %v: %s", answer.Status, answer.Text)
		if err := answer.Refusal(); err != nil {
			l.peer.err = err
		}
		l.close()
		return
	}
	l.forget(a)
	if answer.Status == wire.OK {
		l.answered = true
		l.peer.counts.Answered++
		if l.peer.latency.add(now-a.sent, now) {
			l.p.setDelay()
		}
	} else {
		l.peer.counts.Refused++
	}
	c := a.call
	if c == nil {
		return
	}
	c.drop(a)
	if a.hedge && answer.Status == wire.OK {
		l.p.budget = min(l.p.budget+hedgeRefund, hedgeBurst)
	}
	l.settle(c, answer, now)
}

// settle ends c with an answer, or has it checked, or asks another node. mu is held.
func (l *link) settle(c *Call, answer *wire.Answer, now time.Duration) {
	p := l.p
	switch answer.Status {
	case wire.OK:
		if c.Request.Op == wire.OpSign && l.key(c.Request.Key).verified && !p.c.VerifyAll {
			p.finish(c, answer.Data, nil)
			return
		}
		c.checking++
		l.checks = append(l.checks, check{call: c, task: c.Task, key: c.Request.Key, data: answer.Data})
	case wire.Busy:
		l.rest = now + restBusy
		p.refuse(c, refusal{l.peer, answer.Status, answer.Text}, now)
	case wire.NoKey, wire.Unavailable:
		l.key(c.Request.Key).rest = now + restKey
		p.refuse(c, refusal{l.peer, answer.Status, answer.Text}, now)
	case wire.Expired:
		if now < c.patience { // a node whose clock is wrong
			l.key(c.Request.Key).rest = now + restKey
			p.refuse(c, refusal{l.peer, wire.Unavailable, "it says that the time is over"}, now)
			return
		}
		p.finish(c, nil, context.DeadlineExceeded)
	default:
		p.finish(c, nil, &RefusedError{l.peer.addr, answer.Status, answer.Text})
	}
}

// checked settles a call whose answer has been checked. mu is held.
func (l *link) checked(k *check, now time.Duration) {
	c, p := k.call, l.p
	c.checking--
	if k.says == wire.OK {
		l.key(k.key).verified = true
	}
	switch {
	case c.over:
		p.finish(c, nil, nil)
	case k.says == wire.OK:
		p.finish(c, k.data, nil)
	case k.says == wire.NoKey:
		l.key(k.key).rest = now + restKey
		p.refuse(c, refusal{l.peer, wire.NoKey, ""}, now)
	default:
		l.blame(c.Request.Op, k.key)
		p.refuse(c, refusal{l.peer, wire.OK, ""}, now)
	}
}

// blame notes that an answer was wrong. mu is held.
func (l *link) blame(op wire.Op, id wire.KeyID) {
	l.peer.counts.Wrong++
	if op != wire.OpSign {
		l.p.log(slog.LevelError, "a node has given a wrong list of keys", "node", l.peer.addr)
		return
	}
	k := l.key(id)
	if !k.wrong { // once, not for each request on its way
		l.p.log(slog.LevelError, "a node has given a wrong answer, and is not asked for this key again on this connection",
			"node", l.peer.addr, "key", fmt.Sprintf("%x", id[:8]))
	}
	k.wrong = true
}

// Closed implements [Handler].
func (l *link) Closed(err error) {
	p := l.p
	p.mu.Lock()
	p.lost(l, err, p.now())
	defer close(l.ended) // also if a callback ends this goroutine
	p.unlock()
}
