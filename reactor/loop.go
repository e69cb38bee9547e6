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
	// ErrClosed is returned by what needs a loop that is not closed.
	ErrClosed = errors.New("reactor: the loop is closed")
	// ErrRunning is returned by a Run while another is in progress.
	ErrRunning = errors.New("reactor: the loop runs already")
)

// Options are a loop's settings; the zero value is ready.
type Options struct {
	LowBudget int // how many functions of Low's run in one turn; 0 stands for 1
}

// Loop is an event loop. All its methods are for one goroutine at a time, its own: before Run whoever sets the loop up,
// then the one that calls Run, in the functions that the loop calls. Only Post and Close, and Watch.Wake, may be called
// from any goroutine.
//
// A turn does, in this order, what the fds report; the watches that were woken; what was posted; the timers that are
// due; and at most LowBudget of the low functions. Each takes what is there when its part of the turn begins: what
// comes later waits for the next turn, so that nothing that repeats itself starves the rest.
type Loop struct {
	poller *poller
	budget int

	inbox // what any goroutine may write

	batch   *Watch   // woken, in order, not run yet
	posts   []func() // taken from the inbox, not run yet from next on
	next    int
	timers  timers
	low     fifo
	fds     fdTable
	waitFDs map[async.FD]*waitFD
	events  int // reported by the poller, not handled yet from event on
	event   int

	base    time.Time // timers count from here
	now     time.Time // the turn's time, once somebody has asked
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

// New makes a loop. It costs an fd on Linux and three elsewhere until Close. Where the system has neither epoll nor
// kqueue the error wraps errors.ErrUnsupported.
func New(o Options) (*Loop, error) {
	if o.LowBudget < 0 {
		return nil, errors.New("reactor: negative LowBudget")
	}
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &Loop{poller: p, budget: max(1, o.LowBudget), waitFDs: make(map[async.FD]*waitFD), base: time.Now()}, nil
}

// Run makes the calling goroutine the loop's, and turns until ctx is done, whose error it returns, or the loop is
// closed: then it returns nil. After ctx's end it may be called again, and goes on where it stopped. Called while it
// runs, on whatever goroutine, it returns ErrRunning.
//
// A panic in a function that the loop calls is the caller's of Run. The loop is intact then: closing it is possible, and
// so is Run, which goes on with what comes after that function.
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

// end leaves the loop as Run found it, also when a callback panicked.
func (l *Loop) end() {
	l.running = false
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = false
	if l.closed.Load() {
		l.poller.close()
	}
}

// Close ends the loop. Any goroutine may call it, at any moment; again, it does nothing. A Run in progress returns
// once the function that it is just calling has returned, and gives the fds back as it does; else Close gives them
// back. Functions that have not been called by then never are. The fds that were watched stay their owners'. The error
// is always nil; it is there for io.Closer.
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

// rouse ends the loop's sleep. Who calls it has left a reason where idle looks.
func (l *Loop) rouse() {
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		l.poller.wake()
	}
}

// await asks the poller what there is, and sleeps when there is nothing to do.
func (l *Loop) await(ctx context.Context) (err error) {
	if l.event < l.events { // a panic left them
		return nil
	}
	l.event, l.events = 0, 0
	if !l.idle() {
		l.events, err = l.poller.poll(l.fds.serial)
		return err
	}
	// The deadline first: a waker that sees asleep sets another, and that must be the last.
	l.poller.prepare(l.base, l.timers.next())
	l.asleep.Store(true)
	// Whoever brought something before it could see asleep has not woken us.
	if l.idle() && !l.closed.Load() && ctx.Err() == nil {
		l.events, err = l.poller.park(l.fds.serial)
	}
	l.asleep.Store(false) // a waker that saw it before may come late, and cut the next sleep short
	return err
}

// idle reports whether the next turn has nothing to do but what fds and timers bring.
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

// Now returns the time of the turn: that of the first call in it. Outside Run it is the time.
func (l *Loop) Now() time.Time {
	if !l.running {
		return time.Now()
	}
	if l.now.IsZero() {
		l.now = time.Now()
	}
	return l.now
}
