package ifma

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"asynccrypto/internal/clock"
)

var (
	timing = flag.Bool("timing", false,
		"run the tests that judge durations; other programs on the machine disturb them")
	measurements = flag.Int("dudect", 20000,
		"measurements of a kernel for the timing tests; Sign and NewKey get a twentieth and a fiftieth")
)

// tLimit is the limit of dudect (Reparaz, Balasch, Verbauwhede 2017). Above it the two classes of
// inputs take different times, beyond reasonable doubt.
const tLimit = 4.5

// timingOutEnv names the file to which each measurement is appended as a line of JSON.
const timingOutEnv = "ASYNCCRYPTO_TIMING_OUT"

// needTiming skips a test that judges durations unless the flag asks for it. With -short such a
// test measures, but only TestTimingFindsLeaks can fail.
func needTiming(t *testing.T) {
	t.Helper()
	if !*timing {
		t.Skip("judges durations: run it with -timing on an idle machine")
	}
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
}

// subject is code whose time is compared between two classes of inputs. set prepares an input of
// the fixed class or a random one; its time is not measured.
type subject struct {
	name string
	set  func(fixed bool)
	run  func()
}

// measurement is the result for one subject.
type measurement struct {
	Name    string  `json:"name"`
	Samples int     `json:"samples"` // in each try
	T       float64 `json:"t"`       // Welch's t in the last try
	Leaky   bool    `json:"leaky"`   // the subject is a reference implementation that leaks on purpose
	Tries   int     `json:"tries"`

	difference float64 // of the classes' times, as a fraction of the time
}

// measure measures s, n times in each try, until done accepts the result or there were most tries.
// It reports whether done accepted one.
func measure(t *testing.T, s subject, leaky bool, n, most int, done func(measurement) bool) bool {
	t.Helper()
	m := measurement{Name: s.name, Samples: n, Leaky: leaky}
	accepted := false
	for m.Tries < most && !accepted {
		m.Tries++
		m.T, m.difference = welch(n, s.set, s.run)
		t.Logf("%s: t = %+.2f in %d measurements (%+.4f%%)", s.name, m.T, n, 100*m.difference)
		accepted = done(m)
	}
	m.save(t)
	return accepted
}

// save appends m to the file that the environment names, if it names one.
func (m measurement) save(t *testing.T) {
	t.Helper()
	name := os.Getenv(timingOutEnv)
	if name == "" {
		return
	}
	line, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// welch measures run n times, each time after set was told at random which class of input to
// prepare. It returns Welch's t, and the difference of the classes as a fraction of the mean. The
// slowest tenth is left out, for both classes alike: other programs and the system cause it.
func welch(n int, set func(fixed bool), run func()) (t, relative float64) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	times, fixed := make([]float64, n), make([]bool, n)
	for i := range n {
		fixed[i] = r.IntN(2) == 0
		set(fixed[i])
		start := clock.Now()
		run()
		times[i] = float64(clock.Now() - start)
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

// constant fails the test if three tries in a row see a difference. One in a hundred thousand would
// by chance. A busy machine shows a difference more often, but a leak shows one each time.
func constant(t *testing.T, s subject, n int) {
	t.Helper()
	tries := 3
	if testing.Short() {
		tries = 1
	}
	ok := measure(t, s, false, n, tries, func(m measurement) bool { return math.Abs(m.T) < tLimit })
	if !ok && !testing.Short() {
		t.Errorf("%s takes a time that depends on its input", s.name)
	}
}

// classMask is all ones for the fixed class.
func classMask(fixed bool) uint64 {
	if fixed {
		return ^uint64(0)
	}
	return 0
}

// timedWindow is a window of an exponentiation with its inputs.
type timedWindow struct {
	f                       *field
	acc, base, entry, table []vec
	idx                     *vec
	r                       *rand.Rand
}

func newTimedWindow(t *testing.T, width int) *timedWindow {
	t.Helper()
	r := rand.New(rand.NewPCG(6, 6))
	f, _ := testField(t, width, r)
	d := f.d
	w := &timedWindow{
		f: f, acc: newVecs(d), base: newVecs(d), entry: newVecs(d), table: newVecs(d * tableSize),
		idx: &newVecs(1)[0], r: r,
	}
	for _, v := range [][]vec{w.table, w.base} {
		for i := range v {
			for l := range lanes {
				v[i][l] = r.Uint64() & digitMask
			}
		}
	}
	return w
}

// set prepares an input. The classes must differ in nothing but values, so each input is made of a
// random one and the fixed one by the same instructions, in the same memory. (With a pool of inputs
// for each class, the position of an input in the cache showed.)
func (w *timedWindow) set(fixed bool) {
	m := classMask(fixed)
	for i := range w.acc {
		for l := range lanes {
			x := w.r.Uint64() & digitMask
			w.acc[i][l] = x ^ (x^w.base[i][l])&m
		}
	}
	for l := range lanes {
		w.idx[l] = w.r.Uint64() % tableSize &^ m // the fixed exponent is 0
	}
}

func (w *timedWindow) window() { w.f.window(w.acc, w.acc, w.table, w.idx) }

func (w *timedWindow) lookup() { w.f.lookup(w.entry, w.table, w.idx) }

// leakyWindow multiplies once more unless the exponent is 0, as a textbook's implementation does.
func (w *timedWindow) leakyWindow() {
	w.window()
	if *w.idx != (vec{}) {
		w.f.mul(w.acc, w.acc, w.entry)
	}
}

// TestTiming compares a fixed base and exponent with random ones, in the kernels that see secrets.
func TestTiming(t *testing.T) {
	needTiming(t)
	for _, width := range widths[:3] {
		w := newTimedWindow(t, width)
		constant(t, subject{fmt.Sprintf("ifma/window/%d", width), w.set, w.window}, *measurements)
		constant(t, subject{fmt.Sprintf("ifma/lookup/%d", width), w.set, w.lookup}, *measurements)
	}
}

// TestTimingFindsLeaks measures a window that leaks on purpose: it shows that the other tests of
// time would see a leak. Other programs on the machine may hide the leak once, so there are several
// tries.
func TestTimingFindsLeaks(t *testing.T) {
	needTiming(t)
	const tries = 20
	for _, width := range widths[:3] {
		w := newTimedWindow(t, width)
		s := subject{fmt.Sprintf("ifma/window/%d/leaky", width), w.set, w.leakyWindow}
		found := func(m measurement) bool { return math.Abs(m.T) >= tLimit }
		if !measure(t, s, true, min(*measurements, 20000), tries, found) {
			t.Errorf("%s: the leak was not found in %d tries", s.name, tries)
		}
	}
}

// TestTimingZeroBase has the base 0 in all lanes. The instructions are the same, but a multiplier
// that sees nothing but zeros draws less current, which shows: a thousandth of the time was seen on
// a Zen 5. A padded message is 0 modulo a prime of the key only for somebody who has that prime.
// The effect must stay small.
func TestTimingZeroBase(t *testing.T) {
	needTiming(t)
	if testing.Short() {
		t.Skip("-short: only TestTimingFindsLeaks is judged")
	}
	for _, width := range widths[:3] {
		w := newTimedWindow(t, width)
		clear(w.base)
		var relative float64
		for range 3 {
			var x float64
			x, relative = welch(min(*measurements, 20000), w.set, w.window)
			t.Logf("%d bits: t = %+.2f (%+.4f%%)", width, x, 100*relative)
			if math.Abs(relative) <= 0.01 {
				break
			}
		}
		if math.Abs(relative) > 0.01 {
			t.Errorf("%d bits: the base 0 takes %.1f%% less time", width, 100*relative)
		}
	}
}

// TestTimingSign compares one key and message with different ones, from the padded message to the
// result.
func TestTimingSign(t *testing.T) {
	needTiming(t)
	r := rand.New(rand.NewPCG(7, 7))
	w := workspace(t, 256)
	var pool []*Key
	for _, k := range testKeys()[256] {
		pool = append(pool, prepared(t, k))
	}
	// One key in one place, whose content changes; timedWindow.set says why.
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
	sign := func() { w.Sign(&keys, &in, &out, 1) }
	constant(t, subject{"ifma/Sign/2048", set, sign}, *measurements/20)
}

// TestTimingNewKey compares one key with others while they are prepared.
func TestTimingNewKey(t *testing.T) {
	needTiming(t)
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
	newKey := func() {
		if _, err := NewKey(v[0], 65537, v[1], v[2], v[3], v[4], v[5]); err != nil {
			t.Fatal(err)
		}
	}
	constant(t, subject{"ifma/NewKey/2048", set, newKey}, *measurements/50)
}

// TestTimingOfCalls shows that no call of a kernel takes long: nothing can stop a goroutine inside
// the assembly. The best of many calls is the kernel's own time. The limit leaves room for a slower
// machine, and none for a loop of windows.
func TestTimingOfCalls(t *testing.T) {
	needTiming(t)
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
				start := clock.Now()
				run()
				best = min(best, clock.Now()-start)
			}
			t.Logf("%d: %s: %v", width, name, best)
			if best > limit && !testing.Short() {
				t.Errorf("%d: %s takes %v", width, name, best)
			}
		}
	}
}
