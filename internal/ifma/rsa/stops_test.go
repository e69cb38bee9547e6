package rsa

import (
	"crypto/sha256"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/internal/ifma"
)

// TestWorldStopsDuringBatch shows that the world can be stopped while a batch is computed, within a
// few windows of the exponents. It counts windows, not microseconds: other programs make a wait
// longer, but not the computation meanwhile. They can also hold up the goroutine that counts, so
// the quickest quarter of the stops decides, and there are several tries. Without a stack check
// between the kernels that quarter is a tenth of a batch or more, in every try.
func TestWorldStopsDuringBatch(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	if runtime.NumCPU() < 2 {
		t.Skip("needs a core for the batches and one that stops them")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const size = 512 // the longest
	w, key, digest := workspace(t, size), prepared(t, testKeys()[size][0]), sha256.Sum256(nil)
	var passed atomic.Int64
	w.hook = func(at step, _ int) { // too small to have a stack check of its own
		if at == stepWindow {
			passed.Add(1)
		}
	}
	var keys [MaxBatch]*Key
	var in, out [MaxBatch][]byte
	for l := range keys {
		keys[l], in[l], out[l] = key, padded(size, digest[:]), make([]byte, size)
	}
	var end atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !end.Load() {
			if ok := w.Sign(&keys, &in, &out, MaxBatch); ok != 0xff {
				t.Errorf("ok = %08b", ok)
			}
		}
	}()
	batch := int64(2 * (windows(size*4) - 1))
	const tries = 20
	for try := range tries {
		var while []int64
		for range 100 {
			time.Sleep(time.Millisecond)
			before := passed.Load()
			runtime.ReadMemStats(new(runtime.MemStats)) // stops the world
			while = append(while, passed.Load()-before)
		}
		slices.Sort(while)
		t.Logf("until the world stopped, batches of %d windows went on for at most %d in a quarter of cases, %d in half",
			batch, while[25], while[50])
		if while[25] < batch/40 {
			break
		}
		if try == tries-1 {
			t.Error("the world waits for whole exponentiations")
		}
	}
	end.Store(true)
	<-ended
}
