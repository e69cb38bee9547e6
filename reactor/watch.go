package reactor

import (
	"sync/atomic"

	"asynccrypto/async"
)

// Watch is a source of wakes: for a wait context, or for anything that happens on another
// goroutine.
type Watch struct {
	l     *Loop
	next  *Watch // on the loop's list; owned by the goroutine that set queued, then by the loop
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

// Watch returns a source of wakes that is not bound to a wait context: ready runs on the loop
// after [Watch.Wake].
func (l *Loop) Watch(ready func()) *Watch {
	return &Watch{l: l, ready: ready}
}

// Add watches a wait context by its callback, and sets the callback of w for that. ready runs on
// the loop when an engine reports that the job on w can go on. Several wakes before ready runs
// count as one. The caller must own w, as for [async.WaitCtx.SetCallback]. If the loop sleeps, any
// number of wakes interrupt it once; if it is awake, they do not interrupt it. A wait context
// without wakes costs nothing. The error is [ErrClosed].
func (l *Loop) Add(w *async.WaitCtx, ready func()) (*Watch, error) {
	if l.closed.Load() {
		return nil, ErrClosed
	}
	watch := &Watch{l: l, ready: ready, ctx: w}
	w.SetCallback(wake, watch)
	return watch, nil
}

func wake(watch any) { watch.(*Watch).Wake() }

// Wake runs ready on the loop, in this turn or the next, and only once for all calls before it
// runs. Everything that happened before Wake is visible to ready. Any goroutine may call Wake. It
// neither blocks nor allocates, and does nothing after Remove or Close.
func (w *Watch) Wake() {
	// This always writes, so that everything before a Wake that finds the watch queued also
	// happens before ready.
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

// Remove ends the watch: ready is not called again, and later wakes do nothing. It unsets the
// callback of the wait context, unless that has another callback by now, and stops watching its
// fds. Remove may be called before the wait context is closed or after that. Called again, it does
// nothing.
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

// runWoken runs the watches that were woken before it begins, in the order in which they were
// woken.
func (l *Loop) runWoken() {
	if l.batch == nil {
		l.takeWoken()
	}
	for l.batch != nil && !l.closed.Load() {
		w := l.batch
		l.batch, w.next = w.next, nil
		w.state.And(^uint32(queued)) // before ready: from here on a wake queues it again
		if w.ready != nil {
			w.ready()
		}
	}
}

// takeWoken moves the inbox's list to batch, and reverses it. The list has no lock: it only grows
// at its head, and is taken as a whole. So it is not an internal/list.
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
