package reactor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The heap is compared with a list that is sorted after each change: random sets, stops and
// expiries.
func TestTimersAgainstAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var h timers
		all := make([]*Timer, 60)
		want := map[*Timer]int64{}
		for i := range all {
			all[i] = &Timer{at: off}
		}
		now := int64(0)
		for range 400 {
			timer := all[r.IntN(len(all))]
			switch r.IntN(8) {
			case 0:
				h.stop(timer)
				delete(want, timer)
			case 1:
				now += r.Int64N(20)
				h.expire(now)
				var due []int64
				for x := h.pop(); x != nil; x = h.pop() {
					if when, ok := want[x]; !ok || when > now || when != x.when {
						t.Fatal("expired, but not due", when, now, ok)
					}
					delete(want, x)
					due = append(due, x.when)
				}
				if !slices.IsSorted(due) {
					t.Fatal(due)
				}
				for _, when := range want {
					if when <= now {
						t.Fatal("due, but not expired")
					}
				}
			default:
				when := now + r.Int64N(100)
				h.set(timer, when)
				want[timer] = when
			}
			check(t, &h, want)
		}
	}
}

func check(t *testing.T, h *timers, want map[*Timer]int64) {
	t.Helper()
	if len(h.heap) != len(want) {
		t.Fatal(len(h.heap), "in the heap, want", len(want))
	}
	for i, e := range h.heap {
		switch {
		case int(e.t.at) != i, e.when > e.t.when, i > 0 && h.heap[(i-1)/4].when > e.when, want[e.t] != e.t.when:
			t.Fatal("the heap is not one")
		}
		if h.next() > e.t.when {
			t.Fatal("next is too late")
		}
	}
}

// Putting a timer off leaves the heap alone.
func TestPuttingOffIsCheap(t *testing.T) {
	var h timers
	timer := &Timer{at: off}
	h.set(timer, 10)
	for when := range int64(100) {
		h.set(timer, 10+when)
	}
	if h.next() != 10 {
		t.Error("the heap was touched")
	}
	h.expire(50)
	if h.pop() != nil || h.next() != 109 {
		t.Error("it expired early, or was lost")
	}
	h.expire(109)
	if h.pop() != timer || h.next() != never {
		t.Error("it did not expire")
	}
}

func BenchmarkTimerPutOff(b *testing.B) {
	l, err := New(Options{})
	if err != nil {
		b.Skip(err)
	}
	defer l.Close()
	l.running = true // in a turn
	timers := make([]*Timer, 10_000)
	for i := range timers {
		timers[i] = l.After(60e9, func() {})
	}
	i := 0
	for b.Loop() {
		timers[i%len(timers)].Reset(60e9)
		i++
	}
}

func BenchmarkTimerStartStop(b *testing.B) {
	var h timers
	timers := make([]Timer, 10_000)
	for i := range timers {
		timers[i].at = off
		h.set(&timers[i], rand.Int64N(1e9))
	}
	one := &Timer{at: off}
	when := int64(0)
	for b.Loop() {
		when = (when*25214903917 + 11) & (1<<30 - 1)
		h.set(one, when)
		h.stop(one)
	}
}
