package multibuffer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"flag"
	"math"
	"math/bits"
	mrand "math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/internal/clock"
)

var timing = flag.Bool("timing", false, "run the statistical tests of time, which need a quiet machine and minutes")

// needTiming skips the test unless it was asked for and there is something to measure. A
// statistical test of time cannot promise to pass on a busy machine.
func needTiming(t *testing.T) {
	t.Helper()
	if !*timing {
		t.Skip("a statistical test of time; run it with -timing")
	}
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
}

// measurement is the result of a timing test, as a line of the file that ASYNCCRYPTO_TIMING_OUT
// names.
type measurement struct {
	Name    string  `json:"name"`
	Samples int     `json:"samples"` // of the last try
	T       float64 `json:"t"`       // Welch's t of the last try
	Leaky   bool    `json:"leaky"`   // whether the leaky reference implementation was measured
	Tries   int     `json:"tries"`
}

// record appends m to the file that ASYNCCRYPTO_TIMING_OUT names, if it is set.
func (m measurement) record(t *testing.T) {
	t.Helper()
	path := os.Getenv("ASYNCCRYPTO_TIMING_OUT")
	if path == "" {
		return
	}
	line, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}

// tLimit is dudect's (Reparaz, Balasch, Verbauwhede 2017): above it two classes of inputs take
// different times, beyond reasonable doubt.
const tLimit = 4.5

// crops are the parts of the samples that are looked at, the fastest ones each time: the long
// tail is the machine's doing, and hides a small difference in the rest. The first two are
// judged.
var crops = []float64{0.9, 0.5, 0.99, 1}

// subject is a signer under test, with inputs of two classes in two ways: one key or many, and
// one digest or many. A class of one has as many copies of its input as the other class has
// different inputs, so that both do the same to the caches.
type subject struct {
	signers [2][]engine.Signer
	fixed   []byte
}

func newSubject(t *testing.T, e *engine.Engine, n int) *subject {
	t.Helper()
	s := new(subject)
	var keys []*rsa.PrivateKey
	for range n {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	// The one key is the most unusual one, as an attacker would choose it.
	one := slices.MaxFunc(keys, func(a, b *rsa.PrivateKey) int { return distance(a) - distance(b) })
	for _, k := range keys {
		for class, k := range []*rsa.PrivateKey{k, one} {
			signer, err := e.Signer(k)
			if err != nil {
				t.Fatal(err)
			}
			s.signers[class] = append(s.signers[class], signer)
		}
	}
	s.fixed = make([]byte, 32) // as unusual
	return s
}

// distance returns how far the number of one bits in a key's exponent is from the usual number.
func distance(k *rsa.PrivateKey) int {
	d := ones(k.Precomputed.Dp.Bytes()) - 512
	return max(d, -d)
}

func ones(b []byte) (n int) {
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}

// sample is the time of one signature.
type sample struct {
	time  float64 // divided by the median of its block
	class [2]int  // of the key and of the digest
}

// measure times n signatures. The classes of key and digest are drawn independently for each, so
// that one run shows the influence of either.
func (s *subject) measure(t *testing.T, n int) []sample {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // a wake on another processor takes anything from 1 to 50 us
	r := mrand.New(mrand.NewPCG(uint64(time.Now().UnixNano()), 0))
	samples := make([]sample, n)
	digest, pool := make([]byte, 32), make([]byte, 32*len(s.signers[0]))
	for i := range samples {
		class := [2]int{r.IntN(2), r.IntN(2)}
		rand.Read(pool)
		if class[1] == 1 {
			for j := range s.signers[0] {
				copy(pool[32*j:], s.fixed)
			}
		}
		pick := r.IntN(len(s.signers[0]))
		copy(digest, pool[32*pick:])
		signer := s.signers[class[0]][pick]
		start := clock.Now()
		_, err := signer.Sign(nil, digest, crypto.SHA256)
		samples[i] = sample{float64(clock.Now() - start), class}
		if err != nil {
			t.Fatal(err)
		}
	}
	samples = samples[n/20:] // the first ones warm up
	for block := range slices.Chunk(samples, 200) {
		level(block)
	}
	return samples
}

// level divides the times of a block by their median. Other programs on the machine change the
// times of a whole block for a while, by more than any leak does.
func level(block []sample) {
	times := make([]float64, len(block))
	for i, s := range block {
		times[i] = s.time
	}
	slices.Sort(times)
	for i := range block {
		block[i].time /= times[len(times)/2]
	}
}

// welch compares the times of two classes: of the key if input is 0, of the digest if it is 1. It
// looks at the part crop of the samples, and returns Welch's t and the difference divided by the
// mean.
func welch(samples []sample, input int, crop float64) (t, relative float64) {
	sorted := make([]float64, len(samples))
	for i, s := range samples {
		sorted[i] = s.time
	}
	slices.Sort(sorted)
	limit := sorted[min(len(sorted)-1, int(crop*float64(len(sorted))))]
	var count, mean, m2 [2]float64
	for _, s := range samples {
		if s.time > limit {
			continue
		}
		c := s.class[input]
		count[c]++
		d := s.time - mean[c]
		mean[c] += d / count[c]
		m2[c] += d * (s.time - mean[c])
	}
	v := m2[0]/(count[0]-1)/count[0] + m2[1]/(count[1]-1)/count[1]
	return (mean[1] - mean[0]) / math.Sqrt(v), (mean[1] - mean[0]) / mean[0]
}

// inputs names the two inputs of a signature whose classes are compared.
var inputs = [2]string{"key", "digest"}

// judge logs and returns, for key and digest, the larger t of the first two crops.
func judge(t *testing.T, name string, samples []sample) (tt [2]float64) {
	t.Helper()
	for input := range inputs {
		for i, crop := range crops {
			x, rel := welch(samples, input, crop)
			t.Logf("%s: one %s or many, the fastest %3.0f%% of %d: t = %+.2f (%+.4f%%)",
				name, inputs[input], 100*crop, len(samples), x, 100*rel)
			if i < 2 && math.Abs(x) > math.Abs(tt[input]) {
				tt[input] = x
			}
		}
	}
	return tt
}

// TestTiming checks that the time of Sign depends neither on the digest nor on the key, from the
// caller to the kernels and back. A leak shows in each try, the noise of a machine does not. With
// -short the result is recorded but not judged.
func TestTiming(t *testing.T) {
	needTiming(t)
	e, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	tries, samples, keys := 3, 50_000, 64
	if testing.Short() {
		tries, samples, keys = 1, 2000, 8
	}
	s := newSubject(t, e, keys)
	for try := 1; ; try++ {
		x := judge(t, "Sign", s.measure(t, samples))
		constant := math.Abs(x[0]) <= tLimit && math.Abs(x[1]) <= tLimit
		if !constant && try < tries {
			continue
		}
		for input, name := range inputs {
			measurement{"multibuffer/Sign/" + name, samples, x[input], false, try}.record(t)
		}
		if !constant && !testing.Short() {
			t.Error("the time of Sign depends on a secret")
		}
		return
	}
}

// TestTimingFindsLeaks makes the same measurement of a reference implementation that leaks on
// purpose: it spends some time on each one bit in an exponent and in the digest, less than a
// multiplication takes. The samples double from try to try, up to a bound.
func TestTimingFindsLeaks(t *testing.T) {
	needTiming(t)
	leaky := newSpy(t)
	leaky.before = func(batch []*engine.Request) {
		for _, r := range batch {
			op := r.Op().(*engine.SignOp)
			spin(4 * ones(op.Key.(*rsa.PrivateKey).Precomputed.Dp.Bytes()))
			spin(ones(op.Digest))
		}
	}
	s := newSubject(t, leaky.Engine, 8)
	const tries = 6
	for try := 1; ; try++ {
		samples := 4000 << min(try-1, 4)
		x := judge(t, "leaky reference implementation", s.measure(t, samples))
		found := math.Abs(x[0]) > tLimit && math.Abs(x[1]) > tLimit
		if !found && try < tries {
			continue
		}
		for input, name := range inputs {
			measurement{"multibuffer/Sign/" + name, samples, x[input], true, try}.record(t)
		}
		if !found {
			t.Errorf("the leak was not found in %d tries", try)
		}
		return
	}
}

// spin takes about 40 ns for each of n.
func spin(n int) {
	x := uint64(1)
	for range n * 32 {
		x = x*6364136223846793005 + 1
	}
	spun = x
}

var spun uint64
