package ifma

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var measurements = flag.Int("dudect", 20000, "measurements of a kernel for the timing test; a twentieth as many of Sign")

// The limit of dudect (Reparaz, Balasch, Verbauwhede 2017): above it two classes of inputs take different times, beyond
// reasonable doubt.
const tLimit = 4.5

// welch measures run n times, each time after set was told at random which class of input to prepare, and returns
// Welch's t, and the difference as a part of the mean. Preparing is not timed. What takes longest, a tenth, is left out for both classes alike: that is the
// machine's doing.
func welch(n int, set func(fixed bool), run func()) (t, relative float64) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	times, fixed := make([]float64, n), make([]bool, n)
	for i := range n {
		fixed[i] = r.IntN(2) == 0
		set(fixed[i])
		start := time.Now()
		run()
		times[i] = float64(time.Since(start))
	}
	sorted := slices.Sorted(slices.Values(times))
	limit := sorted[n*9/10]
	var count, mean, m2 [2]float64
	for i, x := range times {
		if i < n/20 || x > limit {
			continue
		}
		c := 0
		if fixed[i] {
			c = 1
		}
		count[c]++
		d := x - mean[c]
		mean[c] += d / count[c]
		m2[c] += d * (x - mean[c])
	}
	v := m2[0]/(count[0]-1)/count[0] + m2[1]/(count[1]-1)/count[1]
	return (mean[0] - mean[1]) / math.Sqrt(v), (mean[0] - mean[1]) / mean[0]
}

// constant fails the test if three runs in a row see a difference. One in a hundred thousand would by chance; a busy
// machine gives more, but a leak gives it each time.
func constant(t *testing.T, what string, n int, set func(fixed bool), run func()) {
	t.Helper()
	for try := range 3 {
		x, rel := welch(n, set, run)
		t.Logf("%s: t = %+.2f in %d measurements (%+.4f%%)", what, x, n, 100*rel)
		if math.Abs(x) < tLimit {
			return
		}
		if try == 2 {
			t.Errorf("%s takes a time that depends on its input", what)
		}
	}
}

// classMask is all ones for the fixed class.
func classMask(fixed bool) uint64 {
	if fixed {
		return ^uint64(0)
	}
	return 0
}

func TestTiming(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := rand.New(rand.NewPCG(6, 6))
	for _, width := range widths[:3] {
		f, _ := testField(t, width, r)
		d := f.d
		acc, entry, table, idx := newVecs(d), newVecs(d), newVecs(d*tableSize), newVecs(1)
		randomize := func(v []vec) {
			for i := range v {
				for l := range lanes {
					v[i][l] = r.Uint64() & digitMask
				}
			}
		}
		randomize(table)
		// The classes must differ in nothing but values: each input is made out of a random one and the fixed one by the
		// same instructions, in the same place. (With a pool of inputs for each, the place of an input in the cache showed.)
		base := newVecs(d)
		randomize(base)
		set := func(fixed bool) {
			m := classMask(fixed)
			for i := range acc {
				for l := range lanes {
					x := r.Uint64() & digitMask
					acc[i][l] = x ^ (x^base[i][l])&m
				}
			}
			for l := range lanes {
				idx[0][l] = r.Uint64() % tableSize &^ m // the fixed exponent is 0
			}
		}
		step := func() {
			f.window(acc, acc, table, &idx[0])
		}
		constant(t, "window", *measurements, set, step)
		constant(t, "lookup", *measurements, set, func() { f.lookup(entry, table, &idx[0]) })

		// The leaky twin multiplies once more unless that is by 1, as any textbook does. It shows that the test sees a leak.
		leaky := func() {
			step()
			if idx[0] != (vec{}) {
				f.mul(acc, acc, entry)
			}
		}
		x, _ := welch(min(*measurements, 20000), set, leaky)
		t.Logf("leaky twin: t = %+.2f", x)
		if math.Abs(x) < tLimit {
			t.Errorf("the leaky twin of %d bits was not caught: t = %.2f", width, x)
		}

		// The base 0, in all lanes, is another matter. The instructions are the same, but a multiplier that sees nothing
		// but zeros draws less current, and measurably so: a thousandth of the time was seen on a Zen 5. A
		// padded message is 0 modulo a prime of the key only for somebody who has that prime. Here the effect must stay that small.
		clear(base)
		x, rel := welch(min(*measurements, 20000), set, step)
		t.Logf("base 0: t = %+.2f (%+.4f%%)", x, 100*rel)
		if math.Abs(rel) > 0.01 {
			t.Errorf("the base 0 takes %.1f%% less time", 100*rel)
		}
	}
}

// TestTimingSign compares one key and message with different ones, from the padded message to the result.
func TestTimingSign(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := rand.New(rand.NewPCG(7, 7))
	w := workspace(t, 256)
	var pool []*Key
	for _, k := range testKeys()[256] {
		pool = append(pool, prepared(t, k))
	}
	// One key in one place, whose content changes; see TestTiming for the way.
	key := prepared(t, testKeys()[256][0])
	var keys [MaxBatch]*Key
	var in, out [MaxBatch][]byte
	keys[0], in[0], out[0] = key, make([]byte, 256), make([]byte, 256)
	one := make([]byte, 256)
	one[255] = 1
	bytesOfClass := func(dst, random, fixed []byte, m uint64) {
		for i, x := range random {
			dst[i] = x ^ (x^fixed[i])&byte(m)
		}
	}
	set := func(fixed bool) {
		m := classMask(fixed)
		from := pool[r.IntN(len(pool))]
		for i, x := range from.mem {
			key.mem[i] = x ^ (x^pool[0].mem[i])&m
		}
		bytesOfClass(key.dp, from.dp, pool[0].dp, m)
		bytesOfClass(key.dq, from.dq, pool[0].dq, m)
		for i := range in[0] {
			in[0][i] = byte(r.Uint32())
		}
		in[0][0] = 0
		bytesOfClass(in[0], in[0], one, m)
	}
	constant(t, "Sign", *measurements/20, set, func() { w.Sign(&keys, &in, &out, 1) })
}

// TestTimingNewKey compares one key with others while they are prepared.
func TestTimingNewKey(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := rand.New(rand.NewPCG(8, 8))
	var v [6][]byte
	for i := range v {
		v[i] = make([]byte, 128)
	}
	v[0] = make([]byte, 256)
	set := func(fixed bool) {
		i := r.IntN(len(testKeys()[256]))
		if fixed {
			i = 0
		}
		k := testKeys()[256][i]
		k.N.FillBytes(v[0])
		k.Primes[0].FillBytes(v[1])
		k.Primes[1].FillBytes(v[2])
		k.Precomputed.Dp.FillBytes(v[3])
		k.Precomputed.Dq.FillBytes(v[4])
		k.Precomputed.Qinv.FillBytes(v[5])
	}
	constant(t, "NewKey", *measurements/50, set, func() {
		if _, err := NewKey(v[0], 65537, v[1], v[2], v[3], v[4], v[5]); err != nil {
			t.Fatal(err)
		}
	})
}
