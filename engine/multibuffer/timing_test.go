package multibuffer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"math"
	"math/bits"
	mrand "math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"asynccrypto/engine"
)

var timing = flag.Int("timing", 0, "measurements of Sign for the timing test, such as 1000000, which takes seven minutes; 0 is for a short one")

// tLimit is dudect's (Reparaz, Balasch, Verbauwhede 2017): above it two classes of inputs take different times, beyond
// reasonable doubt.
const tLimit = 4.5

// crops are the parts of the measurements that are looked at, the shortest ones each time: the long tail is the machine's,
// and hides a small difference in the rest. The first two are judged.
var crops = []float64{0.9, 0.5, 0.99, 1}

// subject is something that signs, with inputs of two classes in two ways: with one key or many, and with one digest or
// many. A class of one has as many copies of it as the other has of different ones, so that they don't differ in what
// they do to the caches.
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
	// The one key is the least ordinary, as an attacker would choose it.
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
	s.fixed = make([]byte, 32) // as extraordinary
	return s
}

// distance says how far the number of ones in a key's exponent is from what is usual.
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

// sample is one measurement.
type sample struct {
	time  float64 // in parts of the median of its block
	class [2]int  // of the key and of the digest
}

// measure times n signatures. The classes of key and digest are drawn anew and independently for each, so that one run
// shows the influence of either.
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
		start := time.Now()
		_, err := signer.Sign(nil, digest, crypto.SHA256)
		samples[i] = sample{float64(time.Since(start)), class}
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

// level divides the times of a block by their median: what else runs on the machine changes them all alike, for a while,
// by more than any leak.
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

// welch compares the times of the two classes of what: 0 is the key, 1 the digest. It looks at the part crop of the
// samples, and returns Welch's t and the difference as a part of the mean.
func welch(samples []sample, what int, crop float64) (t, relative float64) {
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
		c := s.class[what]
		count[c]++
		d := s.time - mean[c]
		mean[c] += d / count[c]
		m2[c] += d * (s.time - mean[c])
	}
	v := m2[0]/(count[0]-1)/count[0] + m2[1]/(count[1]-1)/count[1]
	return (mean[1] - mean[0]) / math.Sqrt(v), (mean[1] - mean[0]) / mean[0]
}

// judge logs and returns, for key and digest, the larger t of the first two crops, and the difference there.
func judge(t *testing.T, who string, samples []sample) (tt, relative [2]float64) {
	t.Helper()
	for what, name := range []string{"key", "digest"} {
		for i, crop := range crops {
			x, rel := welch(samples, what, crop)
			t.Logf("%s: one %s or many, the fastest %3.0f%% of %d: t = %+.2f (%+.4f%%)", who, name, 100*crop, len(samples), x, 100*rel)
			if i < 2 && math.Abs(x) > math.Abs(tt[what]) {
				tt[what], relative[what] = x, rel
			}
		}
	}
	return tt, relative
}

// TestTiming shows that the time of Sign depends neither on the digest nor on which key it is, from the caller to the
// kernels and back. Short, it is a check of the test itself, with a bound that a busy machine keeps; -timing makes it one of
// the code.
func TestTiming(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	e, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if *timing > 0 {
		s := newSubject(t, e, 64)
		x, _ := judge(t, "Sign", s.measure(t, *timing))
		if math.Abs(x[0]) > tLimit || math.Abs(x[1]) > tLimit {
			t.Error("the time of Sign depends on a secret")
		}
		return
	}
	s := newSubject(t, e, 8)
	for try := range 3 {
		x, rel := judge(t, "Sign", s.measure(t, 2000))
		if !(math.Abs(x[0]) > tLimit && math.Abs(rel[0]) > 0.005) && !(math.Abs(x[1]) > tLimit && math.Abs(rel[1]) > 0.005) {
			return
		}
		if try == 2 {
			t.Error("the time of Sign depends on a secret")
		}
	}
}

// TestTimingFindsLeaks has the same measurement look at a twin that leaks on purpose: it spends some time on
// each one in an exponent and in the digest, less than a multiplication takes.
func TestTimingFindsLeaks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	twin := newSpy(t)
	twin.before = func(batch []*engine.Request) {
		for _, r := range batch {
			op := r.Op().(*engine.SignOp)
			spin(4 * ones(op.Key.(*rsa.PrivateKey).Precomputed.Dp.Bytes()))
			spin(ones(op.Digest))
		}
	}
	s := newSubject(t, twin.Engine, 8)
	for n := 4000; ; n *= 2 {
		x, _ := judge(t, "leaky twin", s.measure(t, n))
		if math.Abs(x[0]) > tLimit && math.Abs(x[1]) > tLimit {
			return
		}
		if n > 4*4000 {
			t.Fatal("the leaky twin was not caught")
		}
	}
}

// spin passes about 40 ns for each of n.
func spin(n int) {
	x := uint64(1)
	for range n * 32 {
		x = x*6364136223846793005 + 1
	}
	spun = x
}

var spun uint64
