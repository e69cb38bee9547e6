package fallback

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
	"weak"
)

// State is the state of a [Breaker].
type State int

// The states of a breaker.
const (
	Closed   State = iota // the member is asked
	Open                  // the member is passed over
	HalfOpen              // a probe is showing whether the member works again
)

// String returns "closed", "open" or "half-open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Breaker keeps operations away from a place that fails. The zero value is ready for use. Set the
// fields before the first chain is made with it. Share one between the keys of one place, such as a
// token: the place is then passed over for all of them, and one of them makes the probes. A Breaker
// has no Close: its probes end when the chains that use it are closed or garbage.
type Breaker struct {
	Failures int           // how many failures in a row open it; 0 means 3
	Cooldown time.Duration // from its opening to the probe, and from probe to probe; 0 means 1 s

	mu       sync.Mutex
	state    State
	changes  uint64 // of state; an operation that began before the last one does not count
	row      int    // failures in a row, while closed
	opened   uint64
	skip     error       // of operations that pass the place over; set when it opens
	timer    *time.Timer // to the next probe; nil unless the breaker is open and has users
	byCaller bool        // half-open, and a caller's operation takes the place of the probe
	trying   bool        // such an operation is under way

	// The members of chains that are not closed. A chain may be dropped without Close, so a
	// breaker, which the runtime's timers hold, does not hold them.
	users  []weak.Pointer[member]
	last   int                // the user that made the last probe
	prober *member            // makes a probe; nil if none is under way
	cancel context.CancelFunc // ends that probe
}

// ticket is an operation's admission to the place of its key.
type ticket struct {
	changes uint64 // Breaker.changes when it began
	trial   bool   // it takes the place of a probe
}

// event is what has happened to a breaker.
type event int

const (
	none event = iota
	opened
	stayedOpen
	wronglySigned // and stayed open
	refused       // the probe; callers take its place
	closed
)

// enter admits an operation, or returns the error with which it passes the place over. Call leave
// when an admitted operation has ended. last is for the last member, which is always asked.
func (b *Breaker) enter(last bool) (ticket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := ticket{changes: b.changes}
	switch {
	case b.state == Closed:
	case b.byCaller && !b.trying:
		b.trying, t.trial = true, true
	case !last:
		return t, b.skip
	}
	return t, nil
}

// leave ends an operation that has shown v. err is its error. A job may take its result long after
// the operation has ended, so the verdict counts only if the state is still that in which the
// operation began.
func (b *Breaker) leave(t ticket, v verdict, err error) event {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.changes != b.changes {
		return none
	}
	if t.trial {
		b.trying = false
	}
	switch {
	case v == succeeded && b.state != Closed:
		b.set(Closed)
		return closed
	case v == succeeded, v == answered:
		b.row = 0
	case v == failed && b.state == Closed:
		if b.row++; b.row >= cmp.Or(b.Failures, 3) {
			b.opened++
			b.open(err)
			return opened
		}
	case v == failed && t.trial:
		b.open(err)
		return stayedOpen
	}
	return none
}

// set changes the state. mu is held.
func (b *Breaker) set(s State) {
	b.state = s
	b.changes++
	b.row, b.byCaller, b.trying = 0, false, false
	b.stopTimer()
}

// open opens the breaker because of err. mu is held.
func (b *Breaker) open(err error) {
	b.skip = fmt.Errorf("passed over, its breaker is open: %w", err)
	b.set(Open)
	b.startTimer()
}

// startTimer starts the wait for the next probe, if there is a user that could make it. mu is held.
func (b *Breaker) startTimer() {
	if len(b.users) > 0 {
		changes := b.changes
		b.timer = time.AfterFunc(cmp.Or(b.Cooldown, time.Second), func() { b.probe(changes) })
	}
}

func (b *Breaker) stopTimer() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
}

// join makes m, of a new chain, a user of b.
func (b *Breaker) join(m *member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropGarbage()
	b.users = append(b.users, weak.Make(m))
	if b.state == Open && b.timer == nil {
		b.startTimer()
	}
}

// quit ends the use of b by m, whose chain is closed.
func (b *Breaker) quit(m *member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users = slices.DeleteFunc(b.users, func(u weak.Pointer[member]) bool { return u == weak.Make(m) })
	if b.prober == m {
		b.cancel()
	}
	if len(b.users) == 0 {
		b.stopTimer()
	}
}

// dropGarbage forgets the users whose chains are garbage. mu is held.
func (b *Breaker) dropGarbage() {
	b.users = slices.DeleteFunc(b.users, func(u weak.Pointer[member]) bool { return u.Value() == nil })
}

// probe makes a probe on the goroutine of the timer, unless the state has changed since the change
// of that number.
func (b *Breaker) probe(change uint64) {
	m, ctx, change := b.beginProbe(change)
	if m == nil {
		return
	}
	v, err := failed, errProbeExited
	defer func() { m.logEvent(b.endProbe(change, v, err), err) }()
	v, err = m.probe(ctx)
}

// beginProbe makes an open breaker half-open. It returns the member that is to make the probe, if
// one can, the probe's context, and the number of the change.
func (b *Breaker) beginProbe(change uint64) (*member, context.Context, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if change != b.changes {
		return nil, nil, 0
	}
	b.timer = nil
	b.dropGarbage()
	if b.prober != nil { // a probe that began earlier, of a key that cannot be interrupted
		b.startTimer()
		return nil, nil, 0
	}
	if len(b.users) == 0 {
		return nil, nil, 0
	}
	b.set(HalfOpen)
	for range b.users {
		b.last = (b.last + 1) % len(b.users)
		if m := b.users[b.last].Value(); m != nil && m.probes {
			b.prober = m
			var ctx context.Context
			ctx, b.cancel = context.WithTimeout(context.Background(), m.probeTimeout())
			return m, ctx, b.changes
		}
	}
	b.byCaller = true
	return nil, nil, 0
}

// endProbe ends a probe that has shown v. err is its error.
func (b *Breaker) endProbe(change uint64, v verdict, err error) event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cancel()
	b.prober, b.cancel = nil, nil
	if change != b.changes {
		return none
	}
	switch v {
	case succeeded:
		b.set(Closed)
		return closed
	case answered:
		b.byCaller = true
		return refused
	case nothing: // its chain was closed; another user makes the next probe
		b.set(Open)
		b.startTimer()
		return none
	}
	b.open(err)
	if err == errWrongProbe {
		return wronglySigned
	}
	return stayedOpen
}

func (b *Breaker) stats() (s State, opened uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.opened
}
