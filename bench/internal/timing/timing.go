// Package timing runs the statistical tests of time: those of the kernels for RSA, P-256 and P-384,
// and Curve25519, and of the multi-buffer engine. They show that the time of an operation does not
// depend on a secret.
//
// They follow dudect (Reparaz, Balasch, Verbauwhede 2017): a test compares the times of two
// classes of inputs by Welch's t. Other tests measure reference implementations that leak on
// purpose, to show that the tests would see a leak. The noise of a busy machine hides a leak,
// so these get several tries.
package timing

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/ifma/curve25519"
	"asynccrypto/internal/ifma/nistec"
	lanersa "asynccrypto/internal/ifma/rsa"
)

// outVariable names the file to which the tests append a measurement in JSON for each of
// theirs, one a line.
const outVariable = "ASYNCCRYPTO_TIMING_OUT"

// measurement is the result of one test.
type measurement struct {
	Name    string  `json:"name"`
	Samples int     `json:"samples"` // of the last try, as T
	T       float64 `json:"t"`
	Leaky   bool    `json:"leaky"` // a reference implementation that leaks on purpose was measured
	Tries   int     `json:"tries"`
}

// limit is dudect's: above it the two classes take different times, beyond reasonable doubt.
const limit = 4.5

// differs reports whether the classes take different times.
func (m measurement) differs() bool { return math.Abs(m.T) > limit }

// packages are those with tests of time.
var packages = []string{
	reflect.TypeFor[lanersa.Workspace]().PkgPath(),
	reflect.TypeFor[nistec.Workspace]().PkgPath(),
	reflect.TypeFor[curve25519.Workspace]().PkgPath(),
	reflect.TypeFor[multibuffer.Options]().PkgPath(),
}

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	var short bool
	return harness.Subject{
		Name:  "timing",
		Short: "statistical tests of time: does the time of an operation depend on a secret?",
		Long: fmt.Sprintf(`It runs the tests of time of the kernels (RSA, P-256 and P-384, Ed25519 and X25519) and of the
engine, with two classes of inputs: one fixed, one random. Welch's t of their times should stay under %g; above that they differ, which a
busy machine can cause too. Reference implementations that leak on purpose must differ: if the
tests do not see their leaks, the run ends with an error.

It takes five minutes, and less than two with -short. The tests have their own numbers of samples
and tries.`, limit),
		Flags: func(fs *flag.FlagSet) {
			fs.BoolVar(&short, "short", false, "few samples: judge only whether the tests see the leaks")
		},
		Check: func() (part bool, err error) { return short, nil },
		Measure: func(ctx context.Context, run *harness.Run) error {
			return measure(ctx, run, short, func(ctx context.Context, pkg, out string) error { return runTests(ctx, pkg, out, short) })
		},
	}
}

// runTests runs the tests of time of a package.
func runTests(ctx context.Context, pkg, out string, short bool) error {
	args := []string{"test", "-run", "Timing", "-count=1", "-timeout=60m"}
	if short {
		args = append(args, "-short")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg, "-timing")...)
	cmd.Env = append(os.Environ(), outVariable+"="+out)
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return fmt.Errorf("%s: %w: %s", pkg, err, bytes.TrimSpace(said))
	}
	return nil
}

// measure has the tests of each package run, and judges their measurements.
func measure(ctx context.Context, run *harness.Run, short bool, tests func(ctx context.Context, pkg, out string) error) error {
	dir, remove, err := run.Dir()
	if err != nil {
		return err
	}
	defer remove()
	run.Result.Machine.Pinned = "not pinned"
	if ok, reason := multibuffer.Supported(); !ok {
		run.Result.Notes = append(run.Result.Notes, "nothing is measured: "+reason)
		return nil
	}
	var all []measurement
	for i, pkg := range packages {
		out := filepath.Join(dir, fmt.Sprint(i))
		run.Progress.Show("%s", pkg)
		failed := tests(ctx, pkg, out)
		found, err := read(out)
		if err != nil {
			return fmt.Errorf("%s: %w", pkg, err)
		}
		// A test fails if ours differs. That is a figure of the report, and no reason not to have
		// one.
		if failed != nil && !slices.ContainsFunc(found, func(m measurement) bool { return m.differs() != m.Leaky }) {
			return failed
		}
		all = append(all, found...)
	}
	return report(run.Result, all, short)
}

// read reads the measurements of a package. Without any there is no file.
func read(file string) (all []measurement, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var m measurement
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("a measurement that cannot be read: %w", err)
		}
		if m.Name == "" || m.Samples <= 0 {
			return nil, fmt.Errorf("a measurement without a name or samples: %+v", m)
		}
		all = append(all, m)
	}
	return all, nil
}

// report adds the tables. A leak that the tests did not see is an error.
func report(r *harness.Result, all []measurement, short bool) error {
	const note = "Welch's t of the times of two classes of inputs, without its sign; of the last try"
	ours := r.Table("ours, which should not leak: t is small", note)
	leaky := r.Table("reference implementations that leak on purpose: t is large", note)
	var unseen []string
	for _, m := range all {
		table, goal := ours, harness.Goal{AtMost: limit}
		switch {
		case m.Leaky:
			table, goal = leaky, harness.Goal{AtLeast: limit}
			if !m.differs() {
				unseen = append(unseen, fmt.Sprintf("%s (t is %.2f after %d tries)", m.Name, m.T, m.Tries))
			}
		case short:
			goal = harness.Goal{} // there are too few samples
		}
		row := table.Row(m.Name)
		row.Value("samples", harness.Plain).Note(float64(m.Samples))
		row.Value("tries", harness.Plain).Note(float64(m.Tries))
		t := row.Value("t", harness.Plain)
		t.Goal = goal
		t.Note(math.Abs(m.T))
	}
	switch {
	case len(leaky.Rows) == 0:
		return errors.New("timing: no test measured an implementation that leaks, so nothing shows that they would see a leak")
	case len(unseen) > 0:
		return fmt.Errorf("timing: leaks that the tests did not see: %s; try it on a quiet machine", strings.Join(unseen, ", "))
	}
	return nil
}
