package ifma

import (
	"crypto/sha256"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// Nothing can stop a goroutine inside the assembly: no call of a kernel may take long. The best of many is what the kernel
// takes; the limit has room for a slower machine, and none for a loop of windows.
func TestKernelsAreShort(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	const limit = 20 * time.Microsecond
	r := rand.New(rand.NewPCG(16, 16))
	for _, width := range widths {
		f, _ := testField(t, width, r)
		d := f.d
		a, b, table, idx := newVecs(d), newVecs(d), newVecs(d*tableSize), newVecs(1)
		kernels := map[string]func(){
			"mul": func() { f.mul(a, a, b) },
			"sqr": func() { f.sqr(a, a, 2) }, // see verifier.square
		}
		if d <= 40 {
			kernels["window"] = func() { f.window(a, a, table, &idx[0]) }
			kernels["lookup"] = func() { f.lookup(b, table, &idx[0]) }
		}
		for name, run := range kernels {
			best := time.Hour
			for range 200 {
				start := time.Now()
				run()
				best = min(best, time.Since(start))
			}
			t.Logf("%d: %s: %v", width, name, best)
			if best > limit {
				t.Errorf("%d: %s takes %v", width, name, best)
			}
		}
	}
}

// While a batch is computed the world can be stopped, within a few windows of the exponents. Windows are counted and not
// microseconds, because what else runs on the machine makes a wait longer and not what is computed meanwhile. It can also
// hold up the goroutine that counts, for which reason the quick quarter decides; without a stack check between the kernels
// that is a tenth of a batch or more.
func TestWorldStopsDuringBatch(t *testing.T) {
	if ok, why := Supported(); !ok {
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
	for try := range 3 {
		var while []int64
		for range 100 {
			time.Sleep(time.Millisecond)
			before := passed.Load()
			runtime.ReadMemStats(new(runtime.MemStats)) // stops the world
			while = append(while, passed.Load()-before)
		}
		slices.Sort(while)
		t.Logf("until the world stopped, batches of %d windows went on for at most %d in a quarter of cases, %d in half of them", batch, while[25], while[50])
		if while[25] < batch/40 {
			break
		}
		if try == 2 {
			t.Error("the world waits for whole exponentiations")
		}
	}
	end.Store(true)
	<-ended
}
