package pool

import (
	"math/bits"
	"time"
)

// latency follows how long a node takes. About once a second the histogram forgets
// half of its samples, unless they are few.
type latency struct {
	mean    time.Duration // a moving average over some eight samples
	p95     time.Duration // the 95th percentile, or 0 before there are enough samples
	buckets [8 * 28]uint32
	count   uint32
	fresh   int // samples since p95 was computed
	halved  time.Duration
}

const (
	enough   = 16  // samples for a percentile
	recount  = 32  // samples between two computations of the percentile
	forgets  = 128 // samples without which nothing is forgotten
	halfLife = time.Second
)

// idle adds the answer to a ping of a node that has nothing to do.
func (l *latency) idle(d time.Duration) {
	if l.mean == 0 {
		l.mean = d
	}
	l.mean += (d - l.mean) / 2
}

// add adds a sample, and reports whether p95 was computed again.
func (l *latency) add(d, now time.Duration) bool {
	if l.mean == 0 {
		l.mean = d
	}
	l.mean += (d - l.mean) / 8
	l.buckets[bucket(d)]++
	l.count++
	l.fresh++
	if l.fresh < recount && (l.p95 > 0 || l.count < enough) {
		return false
	}
	if now-l.halved >= halfLife && l.count >= forgets {
		l.halved, l.count = now, 0
		for i := range l.buckets {
			l.buckets[i] /= 2
			l.count += l.buckets[i]
		}
	}
	l.fresh = 0
	beyond := l.count / 20
	for i, sum := len(l.buckets)-1, uint32(0); i >= 0; i-- {
		if sum += l.buckets[i]; sum > beyond {
			l.p95 = upper(i)
			break
		}
	}
	return true
}

// bucket returns the bucket of d: eight for each doubling, in microseconds.
func bucket(d time.Duration) int {
	us := uint64(max(d/time.Microsecond, 8))
	shift := bits.Len64(us) - 4
	return min(shift*8+int(us>>shift)-8, 8*28-1)
}

// upper returns the end of a bucket.
func upper(i int) time.Duration { return time.Duration(i%8+9) << (i / 8) * time.Microsecond }
