package ops

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// Assembly cannot be preempted: whatever stops the world, such as the garbage collector, waits
// for the call under way. The runtime keeps the lengths of these waits, up to the moment at
// which everything had stopped, in a histogram.

// stopsMetric counts the stops that are not the collector's own, of which there are too few to
// make a figure.
const stopsMetric = "/sched/pauses/stopping/other:seconds"

// Stop is a number of waits of about the same length.
type Stop struct {
	Seconds float64 `json:"seconds"`
	Count   uint64  `json:"count"`
}

// stopper stops the world again and again while other goroutines compute.
type stopper struct {
	before *metrics.Float64Histogram
	quit   chan struct{}
	ended  chan struct{}
}

func (s *stopper) start() {
	s.quit, s.ended = make(chan struct{}), make(chan struct{})
	s.before = readStops()
	go func() {
		defer close(s.ended)
		var m runtime.MemStats
		for {
			select {
			case <-s.quit:
				return
			case <-time.After(200 * time.Microsecond):
				runtime.ReadMemStats(&m)
			}
		}
	}()
}

// end returns the waits since start.
func (s *stopper) end() []Stop {
	close(s.quit)
	<-s.ended
	after := readStops()
	var waits []Stop
	for i, n := range after.Counts {
		if n -= s.before.Counts[i]; n > 0 {
			waits = append(waits, Stop{middle(after.Buckets[i], after.Buckets[i+1]), n})
		}
	}
	return waits
}

func readStops() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: stopsMetric}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// middle returns the middle of a bucket. The last one has no end: its beginning takes that place.
func middle(low, high float64) float64 {
	switch {
	case math.IsInf(high, 1):
		return low
	case math.IsInf(low, -1):
		return high
	}
	return (low + high) / 2
}

// Quantile returns a Quantile of waits that are in ascending order, in seconds.
func Quantile(waits []Stop, q float64) float64 {
	var all, seen uint64
	for _, w := range waits {
		all += w.Count
	}
	for _, w := range waits {
		if seen += w.Count; float64(seen) >= q*float64(all) {
			return w.Seconds
		}
	}
	return 0
}

// AddStops merges two ascending lists of waits.
func AddStops(a, b []Stop) []Stop {
	var sum []Stop
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Seconds < b[0].Seconds:
			sum, a = append(sum, a[0]), a[1:]
		case a[0].Seconds > b[0].Seconds:
			sum, b = append(sum, b[0]), b[1:]
		default:
			sum = append(sum, Stop{a[0].Seconds, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(sum, a...), b...)
}
