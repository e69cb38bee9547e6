package engine

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets that double: the first is up to 8 us, the last but one up to 67 s, and the
// last has no end.
type Histogram struct {
	Buckets [25]uint64 // Buckets[i] counts those up to Bound(i), its own included, and above Bound(i-1)
	Sum     float64    // seconds, of all together; a time.Duration would be full in months with a thousand always in line
}

// Bound returns the longest duration that Buckets[i] counts; for the last bucket, the longest there is.
func (h *Histogram) Bound(i int) time.Duration {
	if i == len(h.Buckets)-1 {
		return 1<<63 - 1
	}
	return firstBound << i
}

// Count returns how many durations there are.
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

// now is a reading of the monotonic clock. It is an offset, because time.Since reads that clock alone and time.Now the
// wall's too, for twice as much: all that an operation costs beside its own work is a few times this.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()
