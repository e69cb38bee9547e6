package reactor

import "time"

// Timer calls a function on the loop. Its methods are for the loop's goroutine.
type Timer struct {
	l    *Loop
	fn   func()
	when int64 // in ns since the loop's base
	at   int32 // its place in the heap, or one of the two below
}

const (
	off = -1 - iota // it has run, or was stopped
	due             // it is about to run in this turn
)

// After has fn run on the loop once, d after Now, and not in the part of a turn in which it was called. The resolution
// is that of time.Timer.
func (l *Loop) After(d time.Duration, fn func()) *Timer {
	t := &Timer{l: l, fn: fn, at: off}
	t.Reset(d)
	return t
}

// Reset has the function run d after Now, instead of when it would have or, if it has run or was stopped, once more. To
// put an idle deadline off, as for each packet of a connection, costs next to nothing: the heap learns of it when the
// old time has come.
func (t *Timer) Reset(d time.Duration) {
	l := t.l
	l.timers.set(t, int64(l.Now().Add(d).Sub(l.base)))
}

// Stop has the function not run. It is false when it has run already, or was stopped.
func (t *Timer) Stop() bool {
	on := t.at != off
	t.l.timers.stop(t)
	return on
}

func (l *Loop) runTimers() {
	if len(l.timers.heap) > 0 {
		l.timers.expire(int64(l.Now().Sub(l.base)))
	}
	for !l.closed.Load() {
		t := l.timers.pop()
		if t == nil {
			break
		}
		t.fn()
	}
}
