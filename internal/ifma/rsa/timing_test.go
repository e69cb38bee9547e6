package rsa

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

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
		f: f, acc: ifma.NewVecs(d), base: ifma.NewVecs(d), entry: ifma.NewVecs(d), table: ifma.NewVecs(d * tableSize),
		idx: &ifma.NewVecs(1)[0], r: r,
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
	m := ifmatest.ClassMask(fixed)
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
	ifmatest.NeedTiming(t)
	everySet(t, func(t *testing.T) {
		w := newTimedWindow(t, 1024)
		ifmatest.Constant(t, ifmatest.Subject{Name: "rsa/window/1024/" + chosen().set, Set: w.set, Run: w.window}, ifmatest.Measurements())
	})
	for _, width := range widths[:3] {
		w := newTimedWindow(t, width)
		if width != 1024 {
			ifmatest.Constant(t, ifmatest.Subject{Name: fmt.Sprintf("rsa/window/%d", width), Set: w.set, Run: w.window}, ifmatest.Measurements())
		}
		ifmatest.Constant(t, ifmatest.Subject{Name: fmt.Sprintf("rsa/lookup/%d", width), Set: w.set, Run: w.lookup}, ifmatest.Measurements())
	}
}

// TestTimingFindsLeaks measures windows and a product of words that leak on purpose.
func TestTimingFindsLeaks(t *testing.T) {
	ifmatest.NeedTiming(t)
	everySet(t, func(t *testing.T) {
		w := newTimedWindow(t, 1024)
		ifmatest.FindsLeak(t, ifmatest.Subject{Name: "rsa/window/1024/leaky/" + chosen().set, Set: w.set, Run: w.leakyWindow})
	})
	for _, width := range widths[1:3] {
		w := newTimedWindow(t, width)
		ifmatest.FindsLeak(t, ifmatest.Subject{Name: fmt.Sprintf("rsa/window/%d/leaky", width), Set: w.set, Run: w.leakyWindow})
	}
	w := newTimedModulus(1024)
	ifmatest.FindsLeak(t, ifmatest.Subject{Name: "rsa/words/mul/1024/leaky", Set: w.set, Run: w.leakyMul})
}

// TestTimingZeroBase has the base 0 in all lanes. The instructions are the same, but a multiplier
// that sees nothing but zeros draws less current, which shows: a thousandth of the time was seen on
// a Zen 5. A padded message is 0 modulo a prime of the key only for somebody who has that prime.
// The effect must stay small.
func TestTimingZeroBase(t *testing.T) {
	ifmatest.NeedTiming(t)
	if testing.Short() {
		t.Skip("-short: only TestTimingFindsLeaks is judged")
	}
	for i, width := range append([]int{1024}, widths[:3]...) {
		if i < len(sets) {
			use(t, sets[i])
		}
		w := newTimedWindow(t, width)
		clear(w.base)
		var relative float64
		for range 3 {
			var x float64
			x, relative = ifmatest.Welch(min(ifmatest.Measurements(), 20000), w.set, w.window)
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
	ifmatest.NeedTiming(t)
	everySet(t, testTimingSign)
}

func testTimingSign(t *testing.T) {
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
		m := ifmatest.ClassMask(fixed)
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
	ifmatest.Constant(t, ifmatest.Subject{Name: "rsa/Sign/2048/" + chosen().set, Set: set, Run: sign}, ifmatest.Measurements()/20)
}

// TestTimingNewKey compares one key with others while they are prepared.
func TestTimingNewKey(t *testing.T) {
	ifmatest.NeedTiming(t)
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
	ifmatest.Constant(t, ifmatest.Subject{Name: "rsa/NewKey/2048", Set: set, Run: newKey}, ifmatest.Measurements()/5)
}

// timedModulus is the arithmetic that prepares a key, with its inputs.
type timedModulus struct {
	m          *wordModulus
	n, x, y, z []uint64
	r          *rand.Rand
}

func newTimedModulus(width int) *timedModulus {
	w := &timedModulus{r: rand.New(rand.NewPCG(18, 18)), m: new(wordModulus)}
	for _, v := range []*[]uint64{&w.n, &w.x, &w.y, &w.z} {
		*v = make([]uint64, width/64)
	}
	return w
}

// set prepares an input; timedWindow.set says why both classes are made in one way. The fixed
// modulus is the largest and the fixed numbers are the smallest, so that reduceOnce never subtracts.
func (w *timedModulus) set(fixed bool) {
	m := ifmatest.ClassMask(fixed)
	for i := range w.n {
		w.n[i] = w.r.Uint64() | m
		w.x[i] = w.r.Uint64() &^ m
		w.y[i] = w.r.Uint64() &^ m
	}
	w.n[0] |= 1
	w.n[len(w.n)-1] |= 1 << 63
	w.x[len(w.x)-1] >>= 1
	*w.m = *newWordModulus(w.n)
}

// newKey does what NewKey does with a prime.
func (w *timedModulus) newKey() {
	copy(w.z, w.x)
	w.m.halve(w.z, digitBits)
	w.m.powerOfTwo(w.z, 2080)
	w.m.isInverse(w.x, w.y)
	isExponent(w.x, 65537, w.n)
}

// leakyMul adds n to odd products only, by a branch, as textbooks correct their results.
func (w *timedModulus) leakyMul() {
	w.m.mul(w.z, w.x, w.y)
	if w.z[0]&1 == 1 {
		addMasked(w.z, w.n, ^uint64(0))
	}
}

// TestTimingWords compares primes and exponents at their extremes with random ones.
func TestTimingWords(t *testing.T) {
	ifmatest.NeedTiming(t)
	for _, width := range []int{1024, 2048} {
		w := newTimedModulus(width)
		mul := func() { w.m.mul(w.z, w.x, w.y) }
		ifmatest.Constant(t, ifmatest.Subject{Name: fmt.Sprintf("rsa/words/mul/%d", width), Set: w.set, Run: mul}, ifmatest.Measurements())
		ifmatest.Constant(t, ifmatest.Subject{Name: fmt.Sprintf("rsa/words/key/%d", width), Set: w.set, Run: w.newKey}, ifmatest.Measurements()/5)
	}
}

// TestTimingOfCalls shows that no call of a kernel takes long: nothing can stop a goroutine inside
// the assembly. The best of many calls is the kernel's own time. The limit leaves room for a slower
// machine, and none for a loop of windows.
func TestTimingOfCalls(t *testing.T) {
	ifmatest.NeedTiming(t)
	const limit = 20 * time.Microsecond
	r := rand.New(rand.NewPCG(16, 16))
	for _, width := range widths {
		f, _ := testField(t, width, r)
		d := f.d
		a, b, table, idx := ifma.NewVecs(d), ifma.NewVecs(d), ifma.NewVecs(d*tableSize), ifma.NewVecs(1)
		kernels := map[string]func(){
			"mul": func() { f.mul(a, a, b) },
			"sqr": func() { f.sqr(a, a, 2) }, // see verifier.square
		}
		if d <= 40 {
			product := ifma.NewVecs(2 * d)
			kernels["mulAdd"] = func() { f.mulAdd(product, a, b, b) }
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
