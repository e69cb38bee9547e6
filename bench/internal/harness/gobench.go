package harness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// BuildBenchmarks compiles a package's tests, so that no round pays for a build.
func BuildBenchmarks(ctx context.Context, dir, pkg string) (string, error) {
	bin := Executable(dir, "ours.test")
	if _, err := Output(ctx, NoPin, "go", "test", "-c", "-o", bin, pkg); errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("our side is measured with go test: %w; put the go command in PATH", err)
	} else if err != nil {
		return "", fmt.Errorf("compiling the benchmarks of %s, which needs the project's checkout around it: %w", pkg, err)
	}
	return bin, nil
}

// Metrics are the figures of one benchmark, by unit, as "ns/op".
type Metrics map[string]float64

// MeasureGo runs one benchmark of a compiled test binary on a CPU. It also returns the share of
// the CPU that it had.
func MeasureGo(ctx context.Context, cpu int, bin, benchmark, benchtime string) (m Metrics, share float64, err error) {
	all, share, err := MeasureGoAll(ctx, cpu, bin, benchmark, benchtime, benchmark)
	return all[benchmark], share, err
}

// MeasureGoAll runs one benchmark with all its parts in one process, as it takes time to prepare
// them, and returns the figures of the parts that are named.
func MeasureGoAll(ctx context.Context, cpu int, bin, benchmark, benchtime string, names ...string) (map[string]Metrics, float64, error) {
	out, share, err := OutputShare(ctx, cpu, "", bin, "-test.run=^$", "-test.bench="+pattern(benchmark), "-test.benchmem",
		"-test.benchtime="+benchtime)
	if err != nil {
		return nil, 0, err
	}
	all := make(map[string]Metrics)
	for _, name := range names {
		if all[name], err = parseBenchmark(out, name); err != nil {
			return nil, 0, err
		}
	}
	return all, share, nil
}

// pattern matches this benchmark alone: each element of its name is an expression of its own.
func pattern(benchmark string) string {
	return "^" + strings.ReplaceAll(benchmark, "/", "$/^") + "$"
}

// parseBenchmark reads the output of a test binary that ran one benchmark. A line of figures is
// the name, with the number of Ps appended unless that is 1, the iterations, and pairs of a
// value and a unit.
func parseBenchmark(out, benchmark string) (m Metrics, err error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !named(fields[0], benchmark) {
			continue
		}
		if m != nil {
			return nil, fmt.Errorf("%s: more than one line of figures", benchmark)
		}
		m = Metrics{}
		for pair := fields[2:]; len(pair) >= 2; pair = pair[2:] {
			v, err := strconv.ParseFloat(pair[0], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: figures in %q: %w", benchmark, strings.TrimSpace(line), err)
			}
			m[pair[1]] = v
		}
	}
	if m == nil {
		return nil, fmt.Errorf("%s: no figures; was it renamed, or skipped?", benchmark)
	}
	return m, nil
}

// named reports whether a line of figures that begins with field is the benchmark's.
func named(field, benchmark string) bool {
	rest, ok := strings.CutPrefix(field, benchmark)
	if !ok || rest == "" {
		return ok
	}
	procs, ok := strings.CutPrefix(rest, "-")
	_, err := strconv.Atoi(procs)
	return ok && err == nil
}

// Positive returns one figure. None of ours is zero or less; such a one was not measured.
func (m Metrics) Positive(unit string) (float64, error) {
	v := m[unit]
	if v <= 0 {
		return 0, fmt.Errorf("a benchmark gave %v %s, which is impossible", v, unit)
	}
	return v, nil
}
