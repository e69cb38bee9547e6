// Package testwait has tests wait for events, and not for the clock.
package testwait

import (
	"testing"
	"time"
)

// Limit returns the time at which a test that still waits should give up, and name the event
// that it waits for. It is far away: a test waits for events, and does not judge how long they
// take.
func Limit() time.Time { return time.Now().Add(5 * time.Minute) }

// Await waits until ok reports true, which another goroutine or process makes happen.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for limit := Limit(); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Receive receives a value from ch, or the zero value if ch is closed.
func Receive[T any](t testing.TB, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(time.Until(Limit())):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}
