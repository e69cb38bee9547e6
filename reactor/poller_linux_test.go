package reactor

import (
	"context"
	"testing"
	"time"
)

// parks reports whether f sleeps until it is woken.
func parks(t *testing.T, l *Loop, f func() error) bool {
	t.Helper()
	const nap = 30 * time.Millisecond
	start := time.Now()
	waker := time.AfterFunc(nap, l.poller.wake)
	if err := f(); err != nil {
		t.Fatal(err)
	}
	waker.Stop()
	return time.Since(start) >= nap
}

func newTestLoop(t *testing.T) *Loop {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Whoever brings something just before the loop says that it sleeps does not wake it; so it must
// not sleep.
func TestNoSleepWithSomethingToDo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, bring := range map[string]func(*Loop) context.Context{
		"nothing": func(l *Loop) context.Context { return t.Context() },
		"wake":    func(l *Loop) context.Context { l.Watch(func() {}).Wake(); return t.Context() },
		"post":    func(l *Loop) context.Context { l.Post(func() {}); return t.Context() },
		"low":     func(l *Loop) context.Context { l.Low(func() {}); return t.Context() },
		"timer":   func(l *Loop) context.Context { l.After(0, func() {}); return t.Context() },
		"context": func(l *Loop) context.Context { return ctx },
		"close":   func(l *Loop) context.Context { l.closed.Store(true); return t.Context() },
	} {
		l := newTestLoop(t)
		ctx := bring(l)
		if slept := parks(t, l, func() error { return l.await(ctx) }); slept != (name == "nothing") {
			t.Errorf("%s: slept is %v", name, slept)
		}
		l.closed.Store(false) // for the test's Close
	}
}

// A waker may come so late that the loop has been awake for long, and sleeps again: that cuts one
// sleep short, not all that follow.
func TestLateWakeCutsOneSleepShort(t *testing.T) {
	l := newTestLoop(t)
	park := func() error {
		l.poller.prepare(l.base, never)
		_, err := l.poller.park(0)
		return err
	}
	if !parks(t, l, park) {
		t.Error("it does not sleep at all")
	}
	l.poller.prepare(l.base, never)
	l.poller.wake()
	if parks(t, l, park) {
		t.Error("the wake is lost")
	}
	if !parks(t, l, park) {
		t.Error("it never sleeps again")
	}
}

// A wake after Close, by whoever took it on before, reaches nothing.
func TestWakeAfterClose(t *testing.T) {
	l := newTestLoop(t)
	l.Close()
	l.poller.wake()
	if err := l.poller.add(0, 1, true, false); err != ErrClosed {
		t.Error(err)
	}
}
