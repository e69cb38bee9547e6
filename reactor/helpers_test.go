package reactor_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

// newLoop makes a loop that the test's end closes.
func newLoop(t testing.TB) *reactor.Loop { return newLoopOf(t, reactor.Options{}) }

func newLoopOf(t testing.TB, o reactor.Options) *reactor.Loop {
	t.Helper()
	l, err := reactor.New(o)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// runUntil runs the loop until stop is called, which set gets; a test that hangs says so.
func runUntil(t testing.TB, l *reactor.Loop, set func(stop func())) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("hangs"))
	defer cancel()
	stopped := false
	set(func() { stopped = true; cancel() })
	if err := l.Run(ctx); !stopped || err != context.Canceled {
		t.Fatalf("Run ended with %v (%v)", err, context.Cause(ctx))
	}
}

// turns lets the loop make n turns.
func turns(t testing.TB, l *reactor.Loop, n int) {
	t.Helper()
	runUntil(t, l, func(stop func()) {
		var again func()
		again = func() {
			if n--; n == 0 {
				stop()
			} else {
				l.Post(again)
			}
		}
		l.Post(again)
	})
}

// eventually waits for what other threads bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
		}
		runtime.GC()
	}
}

// openFDs is how many fds the process has, or 0 where that can't be seen.
func openFDs() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

func newPool(t testing.TB) *async.Pool {
	t.Helper()
	pool, err := async.NewPool(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// complete is what an engine does when the operation of the job on w is done.
func complete(w *async.WaitCtx) {
	if fn, arg, ok := w.Callback(); ok {
		fn(arg)
	}
}
