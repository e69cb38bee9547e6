//go:build unix

package reactor_test

import (
	"testing"

	"asynccrypto/reactor"
)

// A timer that is always due again does not keep the loop from its fds.
func TestSocketBesideATimerAlwaysDue(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	runUntil(t, l, func(stop func()) {
		var again *reactor.Timer
		again = l.After(0, func() { again.Reset(0) })
		watchSocket(t, l, a, func(ev reactor.Events) {
			if ev&reactor.Readable != 0 {
				stop()
			}
		})
		send(t, b)
	})
}
