package clock

import (
	"testing"
	"time"
)

// The clock never goes back, and tells moments apart that are less than 100 µs apart.
func TestNowIsFine(t *testing.T) {
	smallest := time.Hour
	for before, steps := Now(), 0; steps < 1000; {
		now := Now()
		if now < before {
			t.Fatalf("it went back from %v to %v", before, now)
		}
		if now > before {
			smallest = min(smallest, now-before)
			steps++
		}
		before = now
	}
	if smallest >= 100*time.Microsecond {
		t.Error("the smallest of 1000 steps is", smallest)
	}
}

// The clock is as fast as that of package time. It began before, and it ended after: the coarser
// clock may be two of its steps of 16 ms off.
func TestNowIsAsFastAsTime(t *testing.T) {
	outer := Now()
	start := time.Now()
	inner := Now()
	time.Sleep(100 * time.Millisecond)
	innerTook := Now() - inner
	took := time.Since(start)
	outerTook := Now() - outer
	const steps = 32 * time.Millisecond
	if innerTook > took+steps || outerTook < took-steps {
		t.Errorf("%v by package time, which is not between %v and %v", took, innerTook, outerTook)
	}
}
