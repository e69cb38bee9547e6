package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// buildBenchmarks compiles a package's tests, so that a round pays for no build.
func buildBenchmarks(ctx context.Context, dir, pkg string) (string, error) {
	bin := executable(dir, "ours.test")
	if _, err := output(ctx, noPin, "go", "test", "-c", "-o", bin, pkg); errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("our side is measured with go test: %w; put the go command in PATH", err)
	} else if err != nil {
		return "", fmt.Errorf("compiling the benchmarks of %s, which needs the project's checkout around it: %w", pkg, err)
	}
	return bin, nil
}

// result is the outcome of one benchmark.
type result struct {
	cpu     string             // the CPU's model as the testing package found it; empty when it did not
	metrics map[string]float64 // by unit, as "ns/op"
}

// measureGo runs one benchmark of a compiled test binary, on the given CPU.
func measureGo(ctx context.Context, cpu int, bin, benchmark, benchtime string) (result, error) {
	out, err := output(ctx, cpu, bin, "-test.run=^$", "-test.bench="+pattern(benchmark), "-test.benchmem", "-test.benchtime="+benchtime)
	if err != nil {
		return result{}, err
	}
	return parseBenchmark(out, benchmark)
}

// pattern matches this benchmark alone: each element of its name is an expression of its own.
func pattern(benchmark string) string {
	return "^" + strings.ReplaceAll(benchmark, "/", "$/^") + "$"
}

// parseBenchmark reads the output of a test binary that ran one benchmark. A line of figures is the name, with the
// number of Ps appended unless that is 1, the iterations, and pairs of a value and a unit.
func parseBenchmark(out, benchmark string) (result, error) {
	r := result{}
	for line := range strings.Lines(out) {
		if model, ok := strings.CutPrefix(line, "cpu:"); ok {
			r.cpu = strings.TrimSpace(model)
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !named(fields[0], benchmark) {
			continue
		}
		if r.metrics != nil {
			return result{}, fmt.Errorf("%s: more than one line of figures", benchmark)
		}
		r.metrics = map[string]float64{}
		for pair := fields[2:]; len(pair) >= 2; pair = pair[2:] {
			v, err := strconv.ParseFloat(pair[0], 64)
			if err != nil {
				return result{}, fmt.Errorf("%s: figures in %q: %w", benchmark, strings.TrimSpace(line), err)
			}
			r.metrics[pair[1]] = v
		}
	}
	if r.metrics == nil {
		return result{}, fmt.Errorf("%s: no figures; was it renamed, or skipped?", benchmark)
	}
	return r, nil
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

// metric is one figure of a benchmark. None of ours can be zero or less; one that is was not measured.
func (r result) metric(benchmark, unit string) (float64, error) {
	v, ok := r.metrics[unit]
	if !ok || v <= 0 {
		return 0, fmt.Errorf("%s: %v %s, which can't be", benchmark, v, unit)
	}
	return v, nil
}
