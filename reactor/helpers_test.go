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

// newLoop makes a loop that is closed at the end of the test.
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

// runUntil runs the loop until stop is called, which set receives. It has no limit of its own: the
// timeout of go test ends a test that hangs, and prints where.
func runUntil(t testing.TB, l *reactor.Loop, set func(stop func())) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopped := false
	set(func() { stopped = true; cancel() })
	if err := l.Run(ctx); !stopped || err != context.Canceled {
		t.Fatalf("Run ended with %v", err)
	}
}

// turns runs the loop for n turns.
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

// eventually waits until other threads have made ok true. If they never do, the timeout of go test
// ends the test.
func eventually(ok func() bool) {
	for !ok() {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// openFDs returns the number of open fds of the process, or 0 where it cannot be read.
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

// complete does what an engine does when the operation of the job on w is complete.
func complete(w *async.WaitCtx) {
	if fn, arg, ok := w.Callback(); ok {
		fn(arg)
	}
}
