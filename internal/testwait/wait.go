// Package testwait has tests wait for events, and not for the clock.
package testwait

import (
	"flag"
	"testing"
	"time"
)

// began is when the test binary has begun, nearly. Package testing ends it by -timeout.
var began = time.Now()

// Limit returns the time at which a test that still waits should give up, and name the event
// that it waits for. It is far away: a test waits for events, and does not judge how long they
// take. But it is before the end that -timeout sets, because that names no event.
func Limit() time.Time {
	limit := time.Now().Add(5 * time.Minute)
	// Deadline of a testing.T must not be called in a bubble of testing/synctest. There the time is
	// long before end.
	if f := flag.Lookup("test.timeout"); f != nil {
		timeout, _ := f.Value.(flag.Getter).Get().(time.Duration)
		if end := began.Add(timeout - 10*time.Second); timeout > 0 && end.Before(limit) {
			return end
		}
	}
	return limit
}

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
