package tlstest

import (
	"testing"
	"time"
)

// Limit returns the time at which a test that still waits should give up, so that it can say what it waits for: ten
// seconds before the test binary would be ended. A test waits for events; how long they take is not its business.
func Limit(t testing.TB) time.Time {
	if t, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, ok := t.Deadline(); ok {
			return deadline.Add(-10 * time.Second)
		}
	}
	return time.Now().Add(10 * time.Minute)
}

// Await waits until ok reports true, which another goroutine or process makes happen.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for limit := Limit(t); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Receive receives a value from ch.
func Receive[T any](t testing.TB, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(time.Until(Limit(t))):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}
