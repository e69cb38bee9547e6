package ifmatest

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
)

var (
	timing = flag.Bool("timing", false,
		"run the tests that judge durations; other programs on the machine disturb them")
	measurements = flag.Int("dudect", 20000,
		"measurements of a kernel for the timing tests; Sign and NewKey get a twentieth and a fifth")
)

// tLimit is the limit of dudect (Reparaz, Balasch, Verbauwhede 2017). Above it the two classes of
// inputs take different times, beyond reasonable doubt.
const tLimit = 4.5

// timingOutEnv names the file to which each measurement is appended as a line of JSON.
const timingOutEnv = "ASYNCCRYPTO_TIMING_OUT"

// NeedTiming skips a test that judges durations unless the flag asks for it. With -short such a
// test measures, but only TestTimingFindsLeaks can fail.
func NeedTiming(t *testing.T) {
	t.Helper()
	if !*timing {
		t.Skip("judges durations: run it with -timing on an idle machine")
	}
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
}

// Subject is code whose time is compared between two classes of inputs. set prepares an input of
// the fixed class or a random one; its time is not measured.
type Subject struct {
	Name string
	Set  func(fixed bool)
	Run  func()
}

// measurement is the result for one Subject.
type measurement struct {
	Name    string  `json:"name"`
	Samples int     `json:"samples"` // in each try
	T       float64 `json:"t"`       // Welch's t in the last try
	Leaky   bool    `json:"leaky"`   // the subject is a reference implementation that leaks on purpose
	Tries   int     `json:"tries"`

	difference float64 // of the classes' times, as a fraction of the time
}

// Measurements returns how many measurements of a kernel a test makes.
func Measurements() int { return *measurements }

// FindsLeak fails the test unless a try of many sees the difference that s, which leaks on purpose,
// has. It shows that [Constant] would see a leak. Other programs on the machine may hide the leak
// once, so there are several tries.
func FindsLeak(t *testing.T, s Subject) {
	t.Helper()
	const tries = 20
	found := func(m measurement) bool { return math.Abs(m.T) >= tLimit }
	if !measure(t, s, true, min(*measurements, 20000), tries, found) {
		t.Errorf("%s: the leak was not found in %d tries", s.Name, tries)
	}
}

// measure measures s, n times in each try, until done accepts the result or there were most tries.
// It reports whether done accepted one.
func measure(t *testing.T, s Subject, leaky bool, n, most int, done func(measurement) bool) bool {
	t.Helper()
	m := measurement{Name: s.Name, Samples: n, Leaky: leaky}
	accepted := false
	for m.Tries < most && !accepted {
		m.Tries++
		m.T, m.difference = Welch(n, s.Set, s.Run)
		t.Logf("%s: t = %+.2f in %d measurements (%+.4f%%)", s.Name, m.T, n, 100*m.difference)
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

// Welch measures run n times, each time after set was told at random which class of input to
// prepare. It returns Welch's t, and the difference of the classes as a fraction of the mean. The
// slowest tenth is left out, for both classes alike: other programs and the system cause it.
func Welch(n int, set func(fixed bool), run func()) (t, relative float64) {
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

// Constant fails the test if three tries in a row see a difference. One in a hundred thousand would
// by chance. A busy machine shows a difference more often, but a leak shows one each time.
func Constant(t *testing.T, s Subject, n int) {
	t.Helper()
	tries := 3
	if testing.Short() {
		tries = 1
	}
	ok := measure(t, s, false, n, tries, func(m measurement) bool { return math.Abs(m.T) < tLimit })
	if !ok && !testing.Short() {
		t.Errorf("%s takes a time that depends on its input", s.Name)
	}
}

// ClassMask is all ones for the fixed class.
func ClassMask(fixed bool) uint64 {
	if fixed {
		return ^uint64(0)
	}
	return 0
}
