package reactor

import (
	"context"
	"testing"
	"time"
)

// mustSleep checks that f sleeps until it is woken. The wait before the wake is no limit: on a slow
// machine f may not even have begun by then, and the test passes.
func mustSleep(t *testing.T, l *Loop, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		t.Errorf("it does not sleep (%v)", err)
		return
	case <-time.After(30 * time.Millisecond):
	}
	l.poller.wake()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// mustReturn checks that f returns without a wake. If f sleeps, the timeout of go test ends the
// test.
func mustReturn(t *testing.T, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Error(err)
	}
}

func newTestLoop(t *testing.T) *Loop {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestNoSleepWithSomethingToDo brings something just before the loop stores asleep. That does not
// wake the loop, so it must not sleep.
func TestNoSleepWithSomethingToDo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, bring := range map[string]func(*Loop) context.Context{
		"wake":    func(l *Loop) context.Context { l.Watch(func() {}).Wake(); return t.Context() },
		"post":    func(l *Loop) context.Context { l.Post(func() {}); return t.Context() },
		"low":     func(l *Loop) context.Context { l.Low(func() {}); return t.Context() },
		"timer":   func(l *Loop) context.Context { l.After(0, func() {}); return t.Context() },
		"context": func(l *Loop) context.Context { return ctx },
		"close":   func(l *Loop) context.Context { l.closed.Store(true); return t.Context() },
	} {
		l := newTestLoop(t)
		ctx := bring(l)
		t.Log(name)
		mustReturn(t, func() error { return l.await(ctx) })
		l.closed.Store(false) // for the test's Close
	}
	l := newTestLoop(t)
	mustSleep(t, l, func() error { return l.await(t.Context()) })
}

// TestLateWakeCutsOneSleepShort has a waker come so late that the loop has been awake for long,
// and sleeps again. That cuts one sleep short, not all that follow.
func TestLateWakeCutsOneSleepShort(t *testing.T) {
	l := newTestLoop(t)
	park := func() error {
		l.poller.prepare(l.base, never)
		_, err := l.poller.park(0)
		return err
	}
	mustSleep(t, l, park)
	l.poller.prepare(l.base, never)
	l.poller.wake()
	mustReturn(t, park)
	mustSleep(t, l, park)
}

// TestWakeAfterClose wakes a loop that is closed: the wake reaches nothing.
func TestWakeAfterClose(t *testing.T) {
	l := newTestLoop(t)
	l.Close()
	l.poller.wake()
	if err := l.poller.add(0, 1, true, false); err != ErrClosed {
		t.Error(err)
	}
}
