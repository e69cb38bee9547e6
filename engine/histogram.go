package engine

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose bounds double. The first bucket is up to 8 µs, the
// last but one up to 67 s, and the last has no bound. On Windows the clock of package time moves on
// by 0.5 to 16 ms at a time: buckets below that say little there, and Sum is right on average.
type Histogram struct {
	Buckets [25]uint64 // Buckets[i] counts durations above Bound(i-1) and up to Bound(i) inclusive
	// Sum is the sum of all durations in seconds. A time.Duration would overflow within months if
	// a thousand operations were always in line.
	Sum float64
}

// Bound returns the longest duration that Buckets[i] counts. For the last bucket that is the
// longest time.Duration.
func (h *Histogram) Bound(i int) time.Duration {
	if i == len(h.Buckets)-1 {
		return 1<<63 - 1
	}
	return firstBound << i
}

// Count returns how many durations were counted.
func (h *Histogram) Count() (n uint64) {
	for _, b := range h.Buckets {
		n += b
	}
	return n
}

const firstBound = 8 * time.Microsecond

func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	i := bits.Len64(uint64(max(d, 1)-1) / uint64(firstBound))
	h.Buckets[min(i, len(h.Buckets)-1)]++
	h.Sum += float64(d) / 1e9
}

// now reads the monotonic clock. It returns an offset because time.Since reads only that clock.
// time.Now also reads the wall clock, which takes twice as long, and an operation costs only a
// few times that beside its own work.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()
