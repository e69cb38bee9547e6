package reactor

import (
	"sync/atomic"

	"asynccrypto/async"
)

// Watch is a source of wakes: for a wait context, or for anything that happens on another goroutine.
type Watch struct {
	l     *Loop
	next  *Watch // in the list that this is on; whoever put queued into state owns it, then the loop
	ready func() // nil once removed
	ctx   *async.WaitCtx
	fds   []async.FD // watched for AddFDs
	byFDs bool
	state atomic.Uint32
}

const (
	queued  = 1 << iota // on the loop's list
	removed             // never to be queued again
)

// Watch returns a source of wakes that is not bound to a wait context: ready runs on the loop after Wake.
func (l *Loop) Watch(ready func()) *Watch {
	return &Watch{l: l, ready: ready}
}

// Add watches a wait context by its callback, which it takes for itself: ready runs on the loop when an engine says that
// the job on w can go on. Several wakes before ready runs are one. The caller holds w, as for its SetCallback. Many wakes
// cost one interruption of the loop's sleep, and none while the loop is awake; a wait context that nobody wakes costs
// nothing. The error is ErrClosed.
func (l *Loop) Add(w *async.WaitCtx, ready func()) (*Watch, error) {
	if l.closed.Load() {
		return nil, ErrClosed
	}
	watch := &Watch{l: l, ready: ready, ctx: w}
	w.SetCallback(wake, watch)
	return watch, nil
}

func wake(watch any) { watch.(*Watch).Wake() }

// Wake has ready run on the loop, in this turn or the next, but once for all the calls before it runs. What happened
// before Wake is seen by ready. Any goroutine may call it; it neither blocks nor allocates, and does nothing after Remove
// or Close.
func (w *Watch) Wake() {
	// Always a write, so that what happened before a Wake that finds it queued is ordered before ready, too.
	if w.state.Or(queued) != 0 {
		return
	}
	l := w.l
	for {
		head := l.woken.Load()
		w.next = head
		if l.woken.CompareAndSwap(head, w) {
			break
		}
	}
	l.rouse()
}

// Remove ends the watch: ready is not called again, and later wakes do nothing. It gives w's callback back, unless w has
// another by now, and unwatches its fds. Remove before w is closed or after it. Removing twice does nothing.
func (w *Watch) Remove() {
	if w.state.Or(removed)&removed != 0 {
		return
	}
	w.ready = nil
	if w.byFDs {
		for _, fd := range w.fds {
			w.l.leave(w, fd)
		}
		w.fds = nil
	} else if w.ctx != nil {
		if _, arg, ok := w.ctx.Callback(); ok && arg == any(w) {
			w.ctx.SetCallback(nil, nil)
		}
	}
	w.ctx = nil
}

// runWoken runs what was woken before it begins, first woken, first run.
func (l *Loop) runWoken() {
	if l.batch == nil {
		l.takeWoken()
	}
	for l.batch != nil && !l.closed.Load() {
		w := l.batch
		l.batch, w.next = w.next, nil
		w.state.And(^uint32(queued)) // before ready: a wake from here on is for another time
		if w.ready != nil {
			w.ready()
		}
	}
}

// takeWoken moves the inbox's list to batch, and turns it round.
func (l *Loop) takeWoken() {
	if l.woken.Load() == nil {
		return
	}
	for w := l.woken.Swap(nil); w != nil; {
		next := w.next
		w.next, l.batch = l.batch, w
		w = next
	}
}
