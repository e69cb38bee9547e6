package reactor_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

func TestWakesAreCoalesced(t *testing.T) {
	l := newLoop(t)
	n := 0
	w := l.Watch(func() { n++ })
	for range 10 {
		w.Wake()
	}
	turns(t, l, 3)
	if n != 1 {
		t.Errorf("ready ran %d times", n)
	}
	w.Wake()
	turns(t, l, 3)
	if n != 2 {
		t.Errorf("ready ran %d times", n)
	}
}

func TestFirstWokenFirstRun(t *testing.T) {
	l := newLoop(t)
	var got []int
	for i := range 10 {
		l.Watch(func() { got = append(got, i) }).Wake()
	}
	turns(t, l, 2)
	for i, v := range got {
		if i != v {
			t.Fatal(got)
		}
	}
}

func TestRemovedWatchIsNotReady(t *testing.T) {
	l := newLoop(t)
	var second *reactor.Watch
	first := l.Watch(func() { second.Remove() }) // in the same turn
	second = l.Watch(func() { t.Error("called after Remove") })
	first.Wake()
	second.Wake()
	turns(t, l, 2)
	second.Wake()
	second.Remove()
	turns(t, l, 2)
}

func TestRemoveGivesTheCallbackBack(t *testing.T) {
	l := newLoop(t)
	w := new(async.WaitCtx)
	watch, err := l.Add(w, func() { t.Error("ready") })
	if err != nil {
		t.Fatal(err)
	}
	late, arg, ok := w.Callback()
	if !ok {
		t.Fatal("no callback")
	}
	watch.Remove()
	if _, _, ok := w.Callback(); ok {
		t.Error("the callback stays")
	}
	late(arg) // begun before Remove, by an engine

	// Closed and used again, w has another callback: it stays.
	watch, _ = l.Add(w, func() { t.Error("ready") })
	w.Close()
	n := 0
	l.Add(w, func() { n++ })
	watch.Remove()
	complete(w)
	turns(t, l, 2)
	if n != 1 {
		t.Error("the other watch is dead")
	}
}

func TestChangedOnACallbackWatch(t *testing.T) {
	l := newLoop(t)
	w := new(async.WaitCtx)
	w.SetWaitFD(t, 0, nil, nil)
	watch, _ := l.Add(w, func() {})
	if err := watch.Changed(); err != nil {
		t.Error(err)
	}
}

// 50,000 wait contexts on one loop: each is woken, and none but those that were woken is ready.
func TestManyWaitContexts(t *testing.T) {
	const n = 50_000
	l := newLoop(t)
	ctxs := make([]async.WaitCtx, n)
	ready := make([]int, n)
	var watches []*reactor.Watch
	left := 0
	var stop func()
	for i := range ctxs {
		w, err := l.Add(&ctxs[i], func() {
			ready[i]++
			if left--; left == 0 {
				stop()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		watches = append(watches, w)
	}
	for _, every := range []int{1, 1000, 49_999} {
		for i := 0; i < n; i += every {
			left++
		}
		want := left
		clear(ready)
		runUntil(t, l, func(s func()) {
			stop = s
			go func() {
				for i := 0; i < n; i += every {
					complete(&ctxs[i])
				}
			}()
		})
		sum := 0
		for i, r := range ready {
			if sum += r; r > 0 && i%every != 0 {
				t.Fatal("ready without a wake:", i)
			}
		}
		if sum != want {
			t.Errorf("%d ready, want %d", sum, want)
		}
	}
	for _, w := range watches {
		w.Remove()
	}
}

// A wake is never lost: after each, ready runs, and sees everything that happened before it. Many
// goroutines wake few watches, at moments when the loop falls asleep, sleeps, or is awake.
func TestNoWakeIsLost(t *testing.T) {
	l := newLoop(t)
	const wakers, rounds = 4, 3000
	var wg sync.WaitGroup
	for range wakers {
		var sent, seen atomic.Int64
		notified := make(chan struct{}, 1)
		w := l.Watch(func() {
			seen.Store(sent.Load())
			select {
			case notified <- struct{}{}:
			default:
			}
		})
		wg.Go(func() {
			for i := range int64(rounds) {
				sent.Store(i + 1)
				w.Wake()
				for seen.Load() <= i {
					<-notified // for ever if the wake is lost
				}
				if i%16 == 0 {
					time.Sleep(time.Duration(i%64) * time.Microsecond)
				}
			}
		})
	}
	go func() {
		wg.Wait()
		l.Close()
	}()
	if err := l.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCoalescedWakesOrderMemory shows that ready sees what happened before a Wake that found the
// watch queued already. The test waits until the goroutine has ended in a way that orders nothing,
// so the race detector sees no order but that of the Wake.
func TestCoalescedWakesOrderMemory(t *testing.T) {
	l := newLoop(t)
	before := runtime.NumGoroutine()
	data, seen := 0, 0
	w := l.Watch(func() { seen = data })
	w.Wake()
	go func() {
		data = 1
		w.Wake()
	}()
	for time.Sleep(20 * time.Millisecond); runtime.NumGoroutine() > before; {
		time.Sleep(time.Millisecond)
	}
	turns(t, l, 2)
	if seen != 1 {
		t.Error("not seen")
	}
}

// Wakes from many goroutines against Remove on the loop and Close from elsewhere.
func TestWakesAgainstRemoveAndClose(t *testing.T) {
	for range 20 {
		l := newLoop(t)
		var wg sync.WaitGroup
		done := make(chan struct{})
		const n = 64
		var current [n]atomic.Pointer[reactor.Watch]
		var replace func(i int)
		replace = func(i int) {
			if old := current[i].Load(); old != nil {
				old.Remove()
			}
			removed := false
			current[i].Store(l.Watch(func() {
				if removed {
					t.Error("called after Remove")
				}
				removed = true
				replace(i)
			}))
		}
		for i := range n {
			replace(i)
		}
		for g := range 4 {
			wg.Go(func() {
				for i := g; ; i++ {
					select {
					case <-done:
						return
					default:
						current[i*7%n].Load().Wake()
					}
				}
			})
		}
		time.AfterFunc(5*time.Millisecond, func() { l.Close() })
		if err := l.Run(t.Context()); err != nil {
			t.Error(err)
		}
		close(done)
		wg.Wait()
	}
}

func TestWakeAllocatesNothing(t *testing.T) {
	l := newLoop(t)
	w := new(async.WaitCtx)
	var stop func()
	if _, err := l.Add(w, func() { stop() }); err != nil {
		t.Fatal(err)
	}
	fn, arg, _ := w.Callback()
	n := testing.AllocsPerRun(100, func() { fn(arg) })
	runUntil(t, l, func(s func()) { stop = s })
	if n != 0 {
		t.Error(n, "allocations")
	}
}

// Jobs end to end: paused, woken by callbacks from another goroutine, resumed on the loop.
func TestJobsOnTheLoop(t *testing.T) {
	l, pool := newLoop(t), newPool(t)
	const n = 200
	done := make(chan *async.WaitCtx, n)
	go func() {
		for w := range done {
			complete(w)
		}
	}()
	defer close(done)
	runUntil(t, l, func(stop func()) {
		left := n
		for range n {
			w := new(async.WaitCtx)
			var job async.Job
			var watch *reactor.Watch
			watch, _ = l.Add(w, func() {
				out, err := job.Resume()
				if out == async.Paused {
					done <- w
					return
				}
				if out != async.Finished || err != nil {
					t.Error(out, err)
				}
				watch.Remove()
				w.Close()
				if left--; left == 0 {
					stop()
				}
			})
			var out async.Outcome
			job, out, _ = pool.Start(w, func(j async.Job) error {
				for range 3 {
					if err := j.Pause(); err != nil {
						return err
					}
				}
				return nil
			})
			if out != async.Paused {
				t.Fatal(out)
			}
			done <- w
		}
	})
}
