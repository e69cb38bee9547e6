package reactor_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/reactor"
)

func TestPostsRunInOrder(t *testing.T) {
	l := newLoop(t)
	var got []int
	for i := range 100 {
		if !l.Post(func() { got = append(got, i) }) {
			t.Fatal("false")
		}
	}
	turns(t, l, 1)
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Error(got)
	}
}

// Each function posted before Close runs at most once, and those of one goroutine run in order.
// None is lost if the loop is closed after the last has run.
func TestPostsFromManyGoroutines(t *testing.T) {
	l := newLoop(t)
	const goroutines, each = 8, 2000
	var last [goroutines]int
	ran := 0
	for g := range goroutines {
		go func() {
			for i := range each {
				if !l.Post(func() {
					if last[g] != i {
						t.Errorf("goroutine %d: %d comes after %d", g, i, last[g])
					}
					last[g] = i + 1
					if ran++; ran == goroutines*each {
						l.Close()
					}
				}) {
					t.Error("Post is false")
				}
			}
		}()
	}
	if err := l.Run(t.Context()); err != nil || ran != goroutines*each {
		t.Error(ran, err)
	}
}

func TestPostAgainstClose(t *testing.T) {
	for range 50 {
		l := newLoop(t)
		var accepted, ran atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for l.Post(func() { ran.Add(1) }) {
					accepted.Add(1)
				}
			})
		}
		wg.Go(func() { l.Close() })
		if err := l.Run(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if ran.Load() > accepted.Load() {
			t.Error("ran", ran.Load(), "of", accepted.Load())
		}
	}
}

func TestLowBudget(t *testing.T) {
	for _, budget := range []int{0, 1, 3} {
		l := newLoopOf(t, reactor.Options{LowBudget: budget})
		var got []int
		for i := range 10 {
			l.Low(func() { got = append(got, i) })
		}
		for turn := 1; turn <= 3; turn++ {
			turns(t, l, 1)
			if want := min(10, turn*max(1, budget)); len(got) != want {
				t.Errorf("budget %d: %d have run after %d turns", budget, len(got), turn)
			}
		}
		runUntil(t, l, func(stop func()) { l.Low(stop) }) // the loop does not sleep with something low to do
		if len(got) != 10 || !slices.IsSorted(got) {
			t.Error(got)
		}
	}
}
