package difftest

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

var (
	flagLib    = flag.String("lib", "", "the `library` to compare with (default $DIFFTEST_LIB, else libcrypto.so.3)")
	flagSeed   = flag.Uint64("seed", 0, "the seed of the first script, the others have the next ones; 0 draws one")
	flagSteps  = flag.Int("steps", 0, "how many steps to run in total (default 200,000, with CI=true 1,000,000)")
	flagShrink = flag.Duration("shrink", 10*time.Second, "how long to look for a shorter script that differs")
)

const scriptSteps = 300 // short enough to shrink, long enough for contexts to grow

var inCI = os.Getenv("CI") == "true"

func library() string {
	for _, name := range []string{*flagLib, os.Getenv("DIFFTEST_LIB")} {
		if name != "" {
			return name
		}
	}
	return "libcrypto.so.3"
}

// totalSteps returns the number for TestInterpreted. TestDirect has a quarter of it, since it
// covers fewer cases.
func totalSteps() int {
	switch {
	case *flagSteps > 0:
		return *flagSteps
	case inCI:
		return 1_000_000
	}
	return 200_000
}

func firstSeed() uint64 {
	if *flagSeed != 0 {
		return *flagSeed
	}
	return uint64(time.Now().UnixNano()) / 1000 % 1_000_000_000
}

// skipMissing skips the test if err is errMissing. In CI it fails the test: there everything must
// be installed.
func skipMissing(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if errors.Is(err, errMissing) && !inCI {
		t.Skip("not compared with OpenSSL: ", err)
	}
	t.Fatal(err)
}

// compareMany runs random scripts until they have that many steps in total.
func compareMany(t *testing.T, lib reference, steps int, outside bool) {
	t.Helper()
	seed := firstSeed()
	t.Logf("%s (%v), scripts from -seed %d on", library(), lib.version, seed)
	var counts Counts
	for began := time.Now(); counts[Steps] < steps; seed++ {
		script, met := newScript(lib.version, seed, scriptSteps, outside)
		counts.add(met)
		d, err := lib.compare(script)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			if err := d.shrink(lib, *flagShrink); err != nil {
				t.Error("shrinking: ", err)
			}
			t.Fatalf("-seed %d -steps 1 makes this again after %v:\n%v", seed, time.Since(began).Round(time.Millisecond), d)
		}
	}
	t.Logf("compared:\n%v", counts)
	if err := counts.short(lib.version); err != nil && !outside && steps >= 100_000 {
		t.Error(err)
	}
}

func newInterp(t testing.TB) *interp {
	t.Helper()
	program, err := compileInterp(t.TempDir())
	skipMissing(t, err)
	p, err := startInterp(program, library())
	skipMissing(t, err)
	t.Cleanup(p.stop)
	return p
}

// TestInterpreted compares with the library through the C program.
func TestInterpreted(t *testing.T) {
	p := newInterp(t)
	compareMany(t, reference{p.version, p.compare}, totalSteps(), false)
}

// TestDirect compares with the library in this process, loaded without cgo.
func TestDirect(t *testing.T) {
	version, makeSide, err := openDirect(library())
	skipMissing(t, err)
	runtime.LockOSThread() // the library's jobs belong to a thread
	defer runtime.UnlockOSThread()
	compareMany(t, reference{version, func(steps []Step) (*mismatch, error) {
		ours, theirs := runOn(steps, newGoSide), runOn(steps, makeSide)
		if bytes.Equal(ours, theirs) {
			return nil, nil
		}
		return &mismatch{steps, ours, theirs}, nil
	}}, (totalSteps()+3)/4, true)
}

// FuzzInterpreted lets the fuzzer choose the steps by their coverage of async.
func FuzzInterpreted(f *testing.F) {
	p := newInterp(f)
	for seed := range uint64(8) {
		script, _ := newScript(p.version, seed, 40, false)
		var b []byte
		for _, s := range script {
			b = s.appendTo(b)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw []Step
		for part := range slices.Chunk(b[:min(len(b), scriptSteps*stepSize)], stepSize) {
			if len(part) == stepSize {
				raw = append(raw, stepFrom(part))
			}
		}
		script, _ := normalize(p.version, raw)
		if d, err := p.compare(script); err != nil {
			t.Fatal(err)
		} else if d != nil {
			t.Fatal(d)
		}
	})
}
