package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/internal/cputime"
	"asynccrypto/reactor"
)

func TestRunReturnsTheContextsError(t *testing.T) {
	l := newLoop(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != context.Canceled {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := l.Run(ctx); err != context.DeadlineExceeded { // it sleeps, and is woken
		t.Error(err)
	}
	turns(t, l, 3) // and goes on
}

func TestRunAfterCloseIsNil(t *testing.T) {
	l := newLoop(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCloseEndsASleepingRun closes loops at moments close to that at which they fall asleep.
func TestCloseEndsASleepingRun(t *testing.T) {
	newLoop(t)
	for i := range 10_000 {
		l, err := reactor.New(reactor.Options{})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			spin(i % 200)
			l.Close()
		}()
		if err := l.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestContextEndsASleepingRun(t *testing.T) {
	l := newLoop(t)
	for i := range 10_000 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			spin(i % 200)
			cancel()
		}()
		if err := l.Run(ctx); err != context.Canceled {
			t.Fatal(err)
		}
	}
}

// spin lets a few nanoseconds pass.
func spin(n int) {
	for range n * 10 {
		spun.Add(1)
	}
}

var spun atomic.Int64

// A loop without work sleeps, also after a wake, a timer, and a wake that came too late.
func TestTheLoopSleeps(t *testing.T) {
	l := newLoop(t)
	n := 0
	w := l.Watch(func() { n++ })
	l.After(5*time.Millisecond, func() {})
	go func() {
		for range 1000 {
			w.Wake()
		}
	}()
	l.After(time.Hour, func() {})
	time.AfterFunc(20*time.Millisecond, w.Wake)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	l.Run(ctx)
	ctx, cancel = context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	before, ok := cputime.Process() // other programs on the machine add nothing to it
	l.Run(ctx)
	after, _ := cputime.Process()
	if ok && after-before > 200*time.Millisecond {
		t.Error("it computed for", after-before)
	}
	if n == 0 {
		t.Error("not woken")
	}
}

// After a Close on the loop's goroutine no other function of any kind is called.
func TestCloseOnTheLoop(t *testing.T) {
	l := newLoop(t)
	late := func() { t.Error("called after Close") }
	watches := []*reactor.Watch{l.Watch(func() { l.Close() }), l.Watch(late)}
	for _, w := range watches {
		w.Wake()
	}
	l.Post(late)
	l.After(0, late)
	l.Low(late)
	if err := l.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatAClosedLoopSays(t *testing.T) {
	l := newLoop(t)
	s := new(async.WaitCtx)
	before, err := l.Add(s, func() {})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if l.Post(func() {}) {
		t.Error("Post is true")
	}
	if _, err := l.Add(new(async.WaitCtx), func() {}); err != reactor.ErrClosed {
		t.Error("Add:", err)
	}
	if _, err := l.AddFDs(new(async.WaitCtx), func() {}); err != reactor.ErrClosed {
		t.Error("AddFDs:", err)
	}
	if _, err := l.Socket(0, func(reactor.Events) {}); err != reactor.ErrClosed {
		t.Error("Socket:", err)
	}
	// The rest is harmless.
	complete(s)
	before.Wake()
	before.Remove()
	l.Watch(func() {}).Wake()
	l.Low(func() {})
	l.After(0, func() {}).Stop()
}

func TestSecondRun(t *testing.T) {
	l := newLoop(t)
	runUntil(t, l, func(stop func()) {
		l.Post(func() {
			if err := l.Run(t.Context()); err != reactor.ErrRunning {
				t.Error("nested:", err)
			}
			other := make(chan error)
			go func() { other <- l.Run(t.Context()) }()
			if err := <-other; err != reactor.ErrRunning {
				t.Error("from another goroutine:", err)
			}
			stop()
		})
	})
}

func TestNegativeLowBudget(t *testing.T) {
	if l, err := reactor.New(reactor.Options{LowBudget: -1}); err == nil {
		l.Close()
		t.Error("no error")
	}
}

// TestOrderOfATurn shows that the order in a turn does not depend on the order in which things
// came, and that things started in a turn wait for the next.
func TestOrderOfATurn(t *testing.T) {
	l := newLoop(t)
	var got []string
	stop := func() {}
	note := func(s string) func() {
		return func() {
			if got = append(got, s); len(got) == 8 {
				stop()
			}
		}
	}
	l.Low(func() {
		note("low")()
		l.Low(note("low again"))
	})
	l.After(0, func() {
		note("timer")()
		l.After(-1, note("timer again"))
	})
	l.Post(func() {
		note("post")()
		l.Post(note("post again"))
	})
	var w *reactor.Watch
	again := false
	w = l.Watch(func() {
		if again {
			note("wake again")()
			return
		}
		again = true
		note("wake")()
		w.Wake()
	})
	w.Wake()
	runUntil(t, l, func(s func()) { stop = s })
	turns(t, l, 3) // nothing else comes
	want := []string{"wake", "post", "timer", "low", "wake again", "post again", "timer again", "low again"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// Each kind repeats itself for ever, and none starves another.
func TestNothingStarves(t *testing.T) {
	l := newLoop(t)
	var n [4]int
	var w *reactor.Watch
	w = l.Watch(func() { n[0]++; w.Wake() })
	w.Wake()
	var post, timer, low func()
	post = func() { n[1]++; l.Post(post) }
	timer = func() { n[2]++; l.After(0, timer) }
	low = func() { n[3]++; l.Low(low) }
	post()
	timer()
	low()
	turns(t, l, 1000)
	for i, n := range n {
		if n < 999 || n > 1002 {
			t.Errorf("kind %d ran %d times in 1000 turns", i, n)
		}
	}
}

func TestNow(t *testing.T) {
	l := newLoop(t)
	before := time.Now()
	if now := l.Now(); now.Before(before) || now.After(time.Now()) {
		t.Error("outside Run it is off by", now.Sub(before))
	}
	var first time.Time
	runUntil(t, l, func(stop func()) {
		l.Post(func() { first = l.Now(); time.Sleep(2 * time.Millisecond) })
		l.Low(func() {
			if !l.Now().Equal(first) {
				t.Error("it changes within a turn")
			}
			l.Post(func() {
				if l.Now().Sub(first) < 2*time.Millisecond {
					t.Error("it does not change from turn to turn")
				}
				stop()
			})
		})
	})
}

// A panic reaches the caller of Run. The functions after it run when Run is called again.
func TestPanic(t *testing.T) {
	l := newLoop(t)
	var got []int
	boom := func() { panic("boom") }
	note := func(i int) func() { return func() { got = append(got, i) } }
	for i, fn := range []func(){boom, note(1)} {
		l.Watch(fn).Wake()
		l.Post(fn)
		l.After(time.Duration(i), fn)
		l.Low(fn)
	}
	for i := range 4 {
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v", r)
				}
			}()
			l.Run(t.Context())
		}()
		l.Post(note(2 + i))
	}
	turns(t, l, 3)
	if !slices.Equal(got, []int{1, 1, 2, 3, 4, 1, 5, 1}) {
		t.Error(got)
	}
	l.Post(func() { l.Now(); boom() })
	func() {
		defer func() { recover() }()
		l.Run(t.Context())
	}()
	now := l.Now()
	time.Sleep(time.Millisecond)
	if !l.Now().After(now) {
		t.Error("the time of a turn that has ended")
	}
	if err := l.Close(); err != nil || l.Run(t.Context()) != nil {
		t.Error(err)
	}
}

// TestNothingLeaks shows that a loop releases everything, whether it ran or not, was closed while
// it ran or after, or was dropped.
func TestNothingLeaks(t *testing.T) {
	newLoop(t).Close()
	fds, goroutines := openFDs(), runtime.NumGoroutine()
	for range 20 {
		never, err := reactor.New(reactor.Options{})
		if err != nil {
			t.Fatal(err)
		}
		never.Close()

		whileIt, _ := reactor.New(reactor.Options{})
		whileIt.After(time.Hour, func() {})
		go whileIt.Close()
		whileIt.Run(context.Background())

		after, _ := reactor.New(reactor.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		after.Post(cancel)
		if err := after.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		after.Close()

		if runtime.GOOS == "linux" {
			reactor.New(reactor.Options{})
		}
	}
	eventually(func() bool { return openFDs() <= fds })
	eventually(func() bool { return runtime.NumGoroutine() <= goroutines })
}
