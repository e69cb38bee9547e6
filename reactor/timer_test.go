package reactor_test

import (
	"testing"
	"time"

	"asynccrypto/reactor"
)

func TestTimersRunInOrderAndNotTooEarly(t *testing.T) {
	l := newLoop(t)
	start := time.Now()
	var got []time.Duration
	runUntil(t, l, func(stop func()) {
		l.Post(func() { // in one turn, so that all of them count from the same time
			for _, d := range []time.Duration{12, 3, 9, 0, 6} {
				d *= time.Millisecond
				l.After(d, func() {
					if after := time.Since(start); after < d {
						t.Errorf("%v after %v", d, after)
					}
					got = append(got, d)
					if len(got) == 5 {
						stop()
					}
				})
			}
		})
	})
	for i, d := range got {
		if d != time.Duration(3*i)*time.Millisecond {
			t.Fatal(got)
		}
	}
}

func TestTimerStop(t *testing.T) {
	l := newLoop(t)
	var second *reactor.Timer
	l.After(0, func() {
		if !second.Stop() { // due in the same turn
			t.Error("Stop of one that was going to run is false")
		}
	})
	second = l.After(0, func() { t.Error("it was stopped") })
	turns(t, l, 2)
	if second.Stop() {
		t.Error("stopped twice")
	}
	ran := l.After(0, func() {})
	turns(t, l, 2)
	if ran.Stop() {
		t.Error("stopped after it ran")
	}
}

func TestTimerReset(t *testing.T) {
	l := newLoop(t)
	n := 0
	var timer *reactor.Timer
	start := time.Now()
	runUntil(t, l, func(stop func()) {
		timer = l.After(time.Hour, func() {
			if n++; n < 3 {
				timer.Reset(time.Millisecond) // runs again
				return
			}
			stop()
		})
		timer.Reset(5 * time.Millisecond)  // sooner
		timer.Reset(10 * time.Millisecond) // later
	})
	if d := time.Since(start); d < 12*time.Millisecond {
		t.Error(d)
	}
	stopped := l.After(0, func() { n++ })
	stopped.Stop()
	stopped.Reset(0)
	turns(t, l, 2)
	if n != 4 {
		t.Error("a stopped timer that is reset does not run")
	}
}

// A timer that is due in this turn and is put off by an earlier one does not run in it.
func TestTimerResetWhileDue(t *testing.T) {
	l := newLoop(t)
	var second *reactor.Timer
	l.After(0, func() { second.Reset(time.Hour) })
	second = l.After(0, func() { t.Error("it was put off") })
	turns(t, l, 3)
	if !second.Stop() {
		t.Error("it has gone")
	}
}

// A wake interrupts a sleep that a timer limits, and the timer runs all the same.
func TestWakesBesideATimer(t *testing.T) {
	l := newLoop(t)
	woken := 0
	w := l.Watch(func() { woken++ })
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(100 * time.Microsecond):
				w.Wake()
			}
		}
	}()
	// The timer runs again until a wake has come: other programs may hold up the waker.
	runUntil(t, l, func(stop func()) {
		var timer *reactor.Timer
		timer = l.After(30*time.Millisecond, func() {
			if woken == 0 {
				timer.Reset(30 * time.Millisecond)
				return
			}
			stop()
		})
	})
	close(over)
}
