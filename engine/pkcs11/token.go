package pkcs11

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/uri"
	"asynccrypto/internal/gid"
)

// Token is a token with its engine. Any goroutine may use it. Call Close when done.
type Token struct {
	o      Options
	uri    *uri.URI
	dialer ck.Dialer
	eng    *engine.Engine
	gate   *gate
	life   context.Context // ends with Close
	end    context.CancelFunc

	running sync.WaitGroup // the goroutines of sessions

	// mu guards the fields below, and those of sessions that say so. No call of the module, and no
	// function of the user's, is made with mu held: see later.
	mu         sync.Mutex
	after      []func()
	changed    sync.Cond // the state has changed, or a session is idle, or has ended
	state      state
	mender     *session // while mending: the session on which the state depends
	generation uint64   // grows when the token is lost: older connections are of no use
	sessions   map[*session]struct{}
	idle       []*session // the last one was used last
	own        map[uintptr]struct{}
	limit      int       // of sessions
	growAfter  time.Time // no further session before
	joined     bool      // the token has been connected before
	suspicion  int       // signatures in a row that failed for no known reason
	timer      *time.Timer
	pause      time.Duration // before the next attempt to connect
	nextTry    time.Time
	lastTry    time.Time
	place      place
	info       TokenInfo // of place; before the first connection, what the URI says
	lastError  error     // the error of operations while the token is down
	refusal    error     // the error of operations once a PIN was refused

	since                                time.Time
	hung, ended, reconnects, pinsRefused uint64
}

// Open opens the token that uri names (RFC 7512). It starts one helper, logs in, once, and returns
// when that is done.
//
// The token is found by token, serial, manufacturer and model, and by slot-id if it is there.
// Exactly one token has to match. The query has the module's module-path, and pin-value or
// pin-source. If the module-path is a Unix socket, or is absolute, is not there and does not end as a
// library does (.so, .dylib, .dll), Open connects to a socket, as [Socket] does. The key's attributes,
// object and id, may be there too; [Token.Signer] uses them if it is given no URI.
// library-manufacturer, library-description and library-version are refused, because they describe
// p11-kit and not the module.
//
// The error wraps [ErrPIN] if the token refused the PIN, or if no PIN was tried because the token is
// locked or would lock itself. It wraps [engine.ErrUnavailable] if the token is away, so that a later
// Open may succeed with the same arguments. Open does not try again: see [Options].AllowDown.
func Open(uri string, o Options) (*Token, error) {
	t, err := newToken(uri, o)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	s := t.add(false)
	t.unlock()
	err = s.connect()
	if err == nil {
		t.mu.Lock()
		t.joined = true
		t.idle = append(t.idle, s)
		t.since = time.Now()
		t.unlock()
		go s.loop(nil)
		return t, nil
	}
	t.running.Done()
	if !o.AllowDown || !away(err) {
		t.Close()
		return nil, fmt.Errorf("pkcs11: open %s: %w", t.short(), opening(err))
	}
	t.mu.Lock()
	delete(t.sessions, s)
	t.generation++
	t.countLocked(err)
	t.goDown(err)
	t.unlock()
	return t, nil
}

// short names the token for an error of Open.
func (t *Token) short() string {
	u := uri.URI{Token: t.uri.Token, Serial: t.uri.Serial}
	return cmp.Or(u.Path(), "the token")
}

// newToken returns a Token that is not connected.
func newToken(s string, o Options) (*Token, error) {
	u, err := uri.Parse(s)
	if err != nil {
		return nil, err
	}
	o, err = o.complete()
	if err != nil {
		return nil, err
	}
	dialer, err := o.dialer(u)
	if err != nil {
		return nil, err
	}
	t := &Token{
		o: o, uri: u, dialer: dialer, gate: newGate(),
		sessions: make(map[*session]struct{}), own: make(map[uintptr]struct{}),
		limit: o.Sessions, pause: o.Retry,
	}
	t.info = TokenInfo{Label: u.Token, Manufacturer: u.Manufacturer, Model: u.Model, Serial: u.Serial, URI: t.name(ck.TokenInfo{
		Label: u.Token, Manufacturer: u.Manufacturer, Model: u.Model, Serial: u.Serial}, "", nil, "").String()}
	t.changed.L = &t.mu
	t.life, t.end = context.WithCancel(context.Background())
	t.timer = time.AfterFunc(time.Hour, t.retry)
	t.timer.Stop()
	t.eng, err = engine.New(engine.Config{Name: "pkcs11", Handler: t.handle, Workers: 1, Depth: o.Depth})
	if err != nil {
		dialer.Close()
		return nil, err
	}
	return t, nil
}

// handle is the engine's Handler. It hands an operation with one of the token's keys to a session.
func (t *Token) handle(batch []*engine.Request) {
	r := batch[0]
	if t.owns(r.Op()) {
		t.hand(job{r: r, fallback: engine.HasFallback(r.Context())})
	} else {
		r.Run()
	}
}

// owns reports whether op is done on the token.
func (t *Token) owns(op engine.Op) bool {
	var key any
	switch o := op.(type) {
	case *engine.SignOp:
		key = o.Key
	case *engine.DecryptOp:
		key = o.Key
	case *query:
		return true
	}
	k, ok := key.(owned)
	return ok && k.owner().t == t
}

// hand gives a job to the first session that has nothing to do. While all sessions are busy, the
// worker waits in hand, and the jobs behind wait in the engine's queue. While no session is connected,
// the job waits on a goroutine of its own: jobs behind that have a fallback are not to wait for it.
func (t *Token) hand(j job) {
	t.mu.Lock()
	defer t.unlock()
	for !t.assign(j) {
		if connected, _ := t.others(nil); connected {
			t.changed.Wait()
			continue
		}
		t.running.Add(1)
		go func() {
			defer t.running.Done()
			t.enter()
			defer t.exit()
			t.await(j)
		}()
		return
	}
}

// await is hand on a goroutine that may wait. A job that is not wanted any more leaves.
func (t *Token) await(j job) {
	stop := context.AfterFunc(j.r.Context(), func() {
		t.mu.Lock()
		defer t.unlock()
		t.changed.Broadcast()
	})
	defer stop()
	t.mu.Lock()
	defer t.unlock()
	for !t.assign(j) {
		t.changed.Wait()
	}
}

// assign gives a job to a session that has nothing to do. It completes a job that is not wanted any
// more, or that can have no session: the token does not work, or no session is connected and the job
// has a fallback. It returns false if the job has to wait. If all sessions are busy, assign has one
// more connected in the background. mu is held.
func (t *Token) assign(j job) bool {
	err := t.broken()
	switch left, n := j.r.Context().Err(), len(t.idle); {
	case left != nil:
		err = left
	case err != nil:
		t.hurry()
	case n > 0:
		t.idle[n-1].jobs <- j // there is room: the session is idle
		t.idle = t.idle[:n-1]
		return true
	default:
		if t.mayGrow() {
			s := t.add(true)
			go s.loop(s.join)
		}
		if err = t.absent(); err == nil || !j.fallback {
			return false
		}
		err = cmp.Or(j.err, err)
	}
	t.later(func() { j.r.Complete(err) })
	return true
}

// mayGrow reports whether one more session may be connected. Sessions are connected one after
// another, because some modules fail when many processes start to use a token at once. mu is held.
func (t *Token) mayGrow() bool {
	if n := len(t.sessions); !t.state.works() || n > 0 && (n >= t.limit || time.Now().Before(t.growAfter)) {
		return false
	}
	for s := range t.sessions {
		if s.joining && s.generation == t.generation {
			return false
		}
	}
	return true
}

// absent returns an error if no session is connected. mu is held.
func (t *Token) absent() error {
	if connected, _ := t.others(nil); connected {
		return nil
	}
	if t.state == mending {
		return unavailable(fmt.Errorf("the token is being connected again: %w", bare{t.lastError}))
	}
	return unavailable(errors.New("the only session was lost, and another one is being connected"))
}

// add registers a new session, whose loop the caller starts. joining says that it is connected in
// the background. mu is held.
func (t *Token) add(joining bool) *session {
	s := &session{t: t, jobs: make(chan job, 1), generation: t.generation, connecting: joining, joining: joining}
	t.sessions[s] = struct{}{}
	t.running.Add(1)
	return s
}

// release makes s idle, when it is connected and after each job. It returns false if s is to end.
func (t *Token) release(s *session) bool {
	t.mu.Lock()
	defer t.unlock()
	if !t.state.works() || s.conn == nil || s.generation != t.generation {
		return false
	}
	s.joining = false
	t.idle = append(t.idle, s)
	t.changed.Broadcast()
	return true
}

// leave notes that s ends.
func (t *Token) leave(s *session) {
	t.mu.Lock()
	defer t.unlock()
	delete(t.sessions, s)
	t.changed.Broadcast()
	if t.mender == s && t.state == mending {
		t.goDown(errExited)
	}
}

// enter and exit note which goroutines belong to t: Close cannot wait for the one that calls it.
func (t *Token) enter() {
	t.mu.Lock()
	defer t.unlock()
	t.own[gid.Get()] = struct{}{}
}

func (t *Token) exit() {
	t.mu.Lock()
	defer t.unlock()
	delete(t.own, gid.Get())
}

func (t *Token) onOwn() bool {
	t.mu.Lock()
	defer t.unlock()
	_, ok := t.own[gid.Get()]
	return ok
}

// Engine returns the engine of t's signers, for its statistics, or to drain it by Shutdown before
// Close. Operations that are not those of t's keys run on its one worker, one after another.
func (t *Token) Engine() *engine.Engine { return t.eng }

// Health returns t's state. It never waits for the module.
func (t *Token) Health() Health {
	t.mu.Lock()
	defer t.unlock()
	inFlight := -len(t.idle)
	for s := range t.sessions {
		if !s.joining {
			inFlight++
		}
	}
	return Health{
		Up:          t.state.works(),
		Refused:     t.refusal,
		LastError:   t.lastError,
		Since:       t.since,
		Sessions:    len(t.sessions),
		InFlight:    inFlight,
		Hung:        t.hung,
		Ended:       t.ended,
		Reconnects:  t.reconnects,
		PINsRefused: t.pinsRefused,
	}
}

// Info describes the token, as of the last time that a session was connected. Before the first time
// ([Options].AllowDown), it has only what the URI says.
func (t *Token) Info() TokenInfo {
	t.mu.Lock()
	defer t.unlock()
	return t.info
}

// learn stores the description of the token.
func (t *Token) learn(p place) {
	info := t.describe(p)
	t.mu.Lock()
	defer t.unlock()
	t.place, t.info = p, info
	t.limit = t.o.Sessions
	if n := info.MaxSessions; n > 0 && n < uint64(t.limit) {
		t.limit = int(n)
	}
}

// mismatch returns an error if u cannot name t's token. Before the first connection, it returns nil.
func (t *Token) mismatch(u *uri.URI) error {
	t.mu.Lock()
	defer t.unlock()
	if !t.joined {
		return nil
	}
	return t.place.mismatch(u)
}

// Close ends t at once: operations that are in line or under way return an error that wraps
// [engine.ErrClosed], unless they have a result already. Helpers are ended, and calls that hang are
// not waited for. Close returns when no goroutine and no helper of t's is left. To let operations
// end first, call Shutdown of [Token.Engine] before. Close may be called again, and by several
// goroutines. If a callback on one of t's goroutines calls it, it returns an error and does
// nothing.
func (t *Token) Close() error {
	if t.onOwn() {
		return errors.New("pkcs11: closed in a callback of one of the token's own operations, for which it would wait; close it on another goroutine")
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := t.eng.Shutdown(now); err != nil && !errors.Is(err, context.Canceled) {
		return err // called on the engine's own worker
	}
	t.mu.Lock()
	t.become(closed)
	t.timer.Stop()
	for s := range t.sessions {
		if conn := s.conn; conn != nil {
			t.later(func() { conn.Close() })
		}
	}
	t.endIdle()
	t.unlock()
	t.end()
	t.running.Wait()
	t.eng.Close()
	return t.dialer.Close()
}
