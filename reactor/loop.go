package reactor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/async"
)

var (
	// ErrClosed is the error of methods that were called on a closed loop.
	ErrClosed = errors.New("reactor: the loop is closed")
	// ErrRunning is the error of [Loop.Run] while another Run is in progress.
	ErrRunning = errors.New("reactor: the loop is already running; use Post to reach it")
)

// Options are a loop's settings. The zero value is ready.
type Options struct {
	LowBudget int // the number of functions of Low that run in one turn; 0 stands for 1
}

// Loop is an event loop. Only one goroutine at a time may call its methods: before Run the
// goroutine that sets the loop up, and then the goroutine that calls Run, in the functions that
// the loop calls. Any goroutine may call [Loop.Post], [Loop.Close] and [Watch.Wake] at any time.
//
// A turn runs, in this order: the functions for events of fds; the watches that were woken; posted
// functions; the timers that are due; and at most LowBudget of the low functions. Each part runs
// only the entries that are there when the part begins. Later entries wait for the next turn, so
// an entry that queues itself again does not starve the others.
type Loop struct {
	poller *poller
	budget int

	inbox // the part that any goroutine may write

	batch   *Watch   // woken, in order, not run yet
	posts   []func() // taken from the inbox, not run yet from next on
	next    int
	timers  timers
	low     fifo
	fds     fdTable
	waitFDs map[async.FD]*waitFD
	events  int // the number of events from the poller; those from event on are not handled yet
	event   int

	base    time.Time // timers count from here
	now     time.Time // the time of the turn, once Now has been called
	running bool      // a turn is under way; now is kept
}

// inbox is the part of a loop that any goroutine may touch.
type inbox struct {
	_      [64]byte              // keep wakers off the loop's cache lines
	woken  atomic.Pointer[Watch] // newest first
	asleep atomic.Bool           // the loop parks, or is about to, and nobody has woken it yet
	closed atomic.Bool

	mu     sync.Mutex
	posted []func()
	some   atomic.Bool // posted is not empty
	runs   bool        // Run is in progress, and is the one to release the poller
	_      [64]byte
}

// New makes a loop. Until Close it costs one fd on Linux and three elsewhere. If the system has
// neither epoll nor kqueue the error wraps errors.ErrUnsupported.
func New(o Options) (*Loop, error) {
	if o.LowBudget < 0 {
		return nil, errors.New("reactor: LowBudget is negative; 0 stands for 1")
	}
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &Loop{poller: p, budget: max(1, o.LowBudget), waitFDs: make(map[async.FD]*waitFD), base: time.Now()}, nil
}

// Run runs the loop on the calling goroutine until ctx is done or the loop is closed. If ctx is
// done Run returns the error of ctx; it may then be called again, and continues where it stopped.
// If the loop is closed Run returns nil. While a Run is in progress, another call, on any
// goroutine, returns [ErrRunning].
//
// A panic in a function that the loop calls reaches the caller of Run. The loop remains usable: it
// may be closed, or run again, and then continues with the function after the one that panicked.
func (l *Loop) Run(ctx context.Context) error {
	l.mu.Lock()
	if l.runs {
		l.mu.Unlock()
		return ErrRunning
	}
	if l.closed.Load() {
		l.mu.Unlock()
		return nil
	}
	l.runs = true
	l.mu.Unlock()
	defer l.end()

	defer context.AfterFunc(ctx, l.rouse)()
	for {
		if l.closed.Load() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.await(ctx); err != nil {
			return err
		}
		l.turn()
	}
}

// end leaves the loop as Run found it, also if a callback panicked.
func (l *Loop) end() {
	l.running = false
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = false
	if l.closed.Load() {
		l.poller.close()
	}
}

// Close ends the loop. Any goroutine may call it at any moment; called again, it does nothing. If
// a Run is in progress, it ends when the function that it is calling has returned, and closes the
// loop's own fds. Otherwise Close closes them. Functions that are still queued are never called.
// The owners of watched fds still own them. The error is always nil; it is there for io.Closer.
func (l *Loop) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Swap(true) {
		return nil
	}
	l.posted = nil
	if !l.runs {
		l.poller.close()
		return nil
	}
	l.rouse()
	return nil
}

// rouse ends the loop's sleep. Its caller has first stored the reason where idle looks.
func (l *Loop) rouse() {
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		l.poller.wake()
	}
}

// await asks the poller for events, and sleeps if there is nothing to do.
func (l *Loop) await(ctx context.Context) (err error) {
	if l.event < l.events { // a panic left some
		return nil
	}
	l.event, l.events = 0, 0
	if !l.idle() {
		l.events, err = l.poller.poll(l.fds.serial)
		return err
	}
	// The deadline is set first: a waker that sees asleep sets another one, and that must be the
	// last.
	l.poller.prepare(l.base, l.timers.next())
	l.asleep.Store(true)
	// A goroutine that brought something before it could see asleep has not woken this one.
	if l.idle() && !l.closed.Load() && ctx.Err() == nil {
		l.events, err = l.poller.park(l.fds.serial)
	}
	l.asleep.Store(false) // a waker that saw it may still come, and cut the next sleep short
	return err
}

// idle reports whether the next turn has nothing to do, apart from events of fds and timers.
func (l *Loop) idle() bool {
	return l.woken.Load() == nil && l.batch == nil && !l.some.Load() && l.next == len(l.posts) &&
		len(l.timers.due) == 0 && l.low.len() == 0
}

func (l *Loop) turn() {
	l.now, l.running = time.Time{}, true
	l.runEvents()
	l.runWoken()
	l.runPosted()
	l.runTimers()
	l.runLow()
	l.running = false
}

// Now returns the time of the turn: the time of the first call of Now in this turn. Outside Run it
// returns the current time.
func (l *Loop) Now() time.Time {
	if !l.running {
		return time.Now()
	}
	if l.now.IsZero() {
		l.now = time.Now()
	}
	return l.now
}
