package reactor

import "time"

// Timer calls a function on the loop. Its methods are for the loop's goroutine.
type Timer struct {
	l    *Loop
	fn   func()
	when int64 // in ns since the loop's base
	at   int32 // its index in the heap, or one of the two below
}

const (
	off = -1 - iota // it has run, or was stopped
	due             // it is about to run in this turn
)

// After runs fn on the loop once, d after Now, and never in the part of a turn in which After was
// called. The resolution is that of time.Timer.
func (l *Loop) After(d time.Duration, fn func()) *Timer {
	t := &Timer{l: l, fn: fn, at: off}
	t.Reset(d)
	return t
}

// Reset makes the function run d after Now, instead of at the time set before. If the function has
// run already, or was stopped, it runs once more. Putting off a deadline, as for each packet of a
// connection, costs very little: the heap is updated only when the old time has come.
func (t *Timer) Reset(d time.Duration) {
	l := t.l
	l.timers.set(t, int64(l.Now().Add(d).Sub(l.base)))
}

// Stop keeps the function from running. It returns false if the function has run already, or was
// stopped.
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
