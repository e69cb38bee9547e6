package measure

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is at most 1/128 of their value. A quantile
// is therefore within 1% of the true one, in 60 KB however many durations there are. Below 128 ns
// a bucket is a nanosecond wide. The zero value is empty and ready to use; one goroutine at a
// time may use it.
type Histogram struct {
	count   uint64
	buckets [(64 - subBits) << subBits]uint64
}

const subBits = 7

func bucketOf(ns uint64) int {
	shift := max(bits.Len64(ns)-subBits-1, 0)
	return shift<<subBits + int(ns>>shift)
}

// bucketRange returns the smallest value in bucket i, and the width of the bucket.
func bucketRange(i int) (low, width uint64) {
	shift := max(i>>subBits-1, 0)
	return uint64(i-shift<<subBits) << shift, 1 << shift
}

// Add counts a duration. A negative one, from a clock that was set back, counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.count++
	h.buckets[bucketOf(uint64(max(d, 0)))]++
}

// Merge adds the durations that other has counted.
func (h *Histogram) Merge(other *Histogram) {
	h.count += other.count
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
}

// Count returns how many durations have been counted.
func (h *Histogram) Count() uint64 { return h.count }

// Quantile returns the smallest duration, to within 1%, such that the fraction q of all durations
// is no longer than it. It is 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(uint64(q*float64(h.count)+0.999999), 1) // the smallest number of values that is that fraction
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			low, width := bucketRange(i)
			return time.Duration(low + width/2)
		}
	}
	return 0
}
