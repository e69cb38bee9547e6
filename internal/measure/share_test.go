package measure

import (
	"errors"
	"testing"
	"time"
)

func TestDisturbed(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		used, possible time.Duration
		share          Share
		disturbed      bool
	}{
		{0, 0, 0, false},     // nothing was measured
		{0, 2 * s, 0, false}, // the system does not tell
		{2 * s, 2 * s, 1, false},
		{3 * s, 2 * s, 1, false}, // the garbage collector had an idle core
		{97 * s, 100 * s, 0.97, false},
		{96 * s, 100 * s, 0.96, false},
		{95 * s, 100 * s, 0.95, true},
		{1 * s, 2 * s, 0.5, true},
	} {
		var u Usage
		u.Add(Usage{c.used / 2, c.possible / 2})
		u.Add(Usage{c.used / 2, c.possible / 2})
		if got := u.Share(); got != c.share || got.Disturbed() != c.disturbed {
			t.Errorf("%v of %v: %v, disturbed %v", c.used, c.possible, got, got.Disturbed())
		}
	}
}

func TestUsedCountsWhatTheProcessComputed(t *testing.T) {
	failure := errors.New("failure")
	used, err := Used(func() error {
		for start := time.Now(); time.Since(start) < time.Millisecond; {
		}
		return failure
	})
	if used < 0 || err != failure {
		t.Errorf("%v, %v", used, err)
	}
}
