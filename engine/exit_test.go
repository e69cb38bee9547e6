package engine_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// exiting starts n jobs on e, each on a session of its own whose callback sends its index and
// exits its goroutine, as t.Fatal does.
func exiting(t *testing.T, e *engine.Engine, n int) (all []*session, woken chan int) {
	pool := newPool(t)
	woken = make(chan int, 100)
	for i := range n {
		s := newSession(t)
		s.SetCallback(func(any) { woken <- i; runtime.Goexit() }, nil)
		s.start(pool, e, &nop{i})
		s.want(t, async.Paused, nil)
		all = append(all, s)
	}
	return all, woken
}

// wantEachOnce checks that each of n was woken once, and resumes the sessions.
func wantEachOnce(t *testing.T, all []*session, woken chan int) {
	t.Helper()
	seen := make([]bool, len(all))
	for range all {
		i := <-woken
		if seen[i] {
			t.Error(i, "was woken twice")
		}
		seen[i] = true
	}
	for _, s := range all {
		s.resume()
		// The error is the callback's exit, or the one before it if the callback is still
		// running.
		if s.out != async.Finished || s.err == nil {
			t.Error(s.out, s.err)
		}
	}
}

// A handler that panics, or exits, fails its whole batch, though each callback it then calls
// exits the goroutine as well.
func TestExitsOnTopOfEachOther(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("handler") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			gate, failing := make(chan struct{}), atomic.Bool{}
			e, err := engine.New(engine.Config{Name: "exits", Workers: 1, MaxBatch: 4, Handler: func(batch []*engine.Request) {
				<-gate
				if failing.Load() {
					fail()
				}
				for _, r := range batch {
					r.Run()
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			first := newSession(t)
			first.listen()
			first.start(newPool(t), e, &nop{}) // keeps the worker until there is a batch
			for e.Stats().InFlight == 0 {
				runtime.Gosched()
			}
			all, woken := exiting(t, e, 4)
			failing.Store(true)
			gate <- struct{}{}
			gate <- struct{}{}
			wantEachOnce(t, all, woken)
			failing.Store(false)
			close(gate)
			if err := e.Do(t.Context(), &nop{}); err != nil {
				t.Error("the engine did not go on:", err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			checkSum(t, e.Stats())
		})
	}
}

// A callback that exits the goroutine of a Shutdown whose time is up does not keep the others
// from their error.
func TestExitInShutdown(t *testing.T) {
	m := newManual(t, 2)
	all, woken := exiting(t, m.Engine, 5) // two in flight, three in line
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Shutdown(ctx)
	}()
	wantEachOnce(t, all, woken)
	<-ended
}

// When the time of Shutdown is up, an operation that has not begun never will, even if a worker
// is free to begin it just then.
func TestShutdownBeginsNothing(t *testing.T) {
	for range 200 {
		var begun atomic.Int32
		release := make(chan struct{})
		e, err := engine.New(engine.Config{Name: "hangs", Workers: 1, Handler: func(batch []*engine.Request) {
			begun.Add(1)
			<-release
			for _, r := range batch {
				r.Run()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		pool := newPool(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			s := newSession(t)
			s.SetCallback(func(any) { time.Sleep(10 * time.Microsecond) }, nil) // time for a worker
			s.start(pool, e, &nop{})
		}
		err = e.Shutdown(ctx) // does not wait for release: its context is done
		if (err != nil) != (begun.Load() > 0) || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%d begun: %v", begun.Load(), err)
		}
		close(release)
		e.Close()
		if n := begun.Load(); n > 1 {
			t.Error(n, "operations were begun")
		}
		checkSum(t, e.Stats())
	}
}

// A handler may change its slice as it likes: requests that are not complete when it panics get
// its error all the same.
func TestHandlerSpoilsItsBatch(t *testing.T) {
	e, err := engine.New(engine.Config{Name: "spoils", Workers: 1, MaxBatch: 2, Handler: func(batch []*engine.Request) {
		clear(batch)
		panic("spoiled")
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for range 3 {
		var p *engine.PanicError
		if err := e.Do(t.Context(), &nop{}); !errors.As(err, &p) || p.Value != "spoiled" {
			t.Error(err)
		}
	}
}
