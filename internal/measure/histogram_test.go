package measure

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsTileTheNumbers(t *testing.T) {
	next := uint64(0)
	var h Histogram
	for i := range h.buckets {
		low, width := bucketRange(i)
		if low != next || width == 0 {
			t.Fatalf("bucket %d begins at %d, the one before ended at %d", i, low, next)
		}
		if bucketOf(low) != i || bucketOf(low+width-1) != i {
			t.Fatalf("bucket %d, [%d, %d), is not where its ends go", i, low, low+width)
		}
		if width > 1 && width > low/128 {
			t.Fatalf("bucket %d, at %d, is %d wide", i, low, width)
		}
		next = low + width
	}
	if next != 1<<63 {
		t.Errorf("the last bucket ends at %d", next)
	}
	h.Add(math.MaxInt64)
	h.Add(-1) // a clock that was set back must not crash it
	if h.count != 2 || h.buckets[0] != 1 {
		t.Error("extreme values are not counted")
	}
}

func TestQuantiles(t *testing.T) {
	var empty Histogram
	if got := empty.Quantile(0.5); got != 0 {
		t.Errorf("empty: %v", got)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 99, 100, 101, 10_000} {
		var a, b Histogram // the values go to either, and are merged
		values := make([]time.Duration, n)
		for i := range values {
			values[i] = time.Duration(math.Exp(r.Float64() * 20))
			[]*Histogram{&a, &b}[i%2].Add(values[i])
		}
		a.Merge(&b)
		slices.Sort(values)
		for _, q := range []float64{0.01, 0.5, 0.99, 1} {
			want := values[max(int(math.Ceil(q*float64(n)))-1, 0)]
			got := a.Quantile(q)
			if diff := math.Abs(float64(got - want)); diff > 1+float64(want)/128 {
				t.Errorf("quantile %v of %d values is %v, not %v", q, n, got, want)
			}
		}
	}
}
