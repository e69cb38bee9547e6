package main

import (
	"strings"
	"testing"
)

const onePinned = `goos: linux
goarch: amd64
pkg: asynccrypto/async
cpu: Some CPU @ 3.00GHz
BenchmarkWaitCtxSetGetClear/fds=8         	10025958	        11.86 ns/op	       0 B/op	       0 allocs/op
PASS
`

func TestParseBenchmark(t *testing.T) {
	r, err := parseBenchmark(onePinned, "BenchmarkWaitCtxSetGetClear/fds=8")
	if err != nil || r.cpu != "Some CPU @ 3.00GHz" || r.metrics["ns/op"] != 11.86 || r.metrics["allocs/op"] != 0 {
		t.Error(r, err)
	}
	if _, ok := r.metrics["allocs/op"]; !ok {
		t.Error("no allocs/op in", r)
	}

	// With a suffix for several Ps, a metric of the benchmark's own, Windows' line ends, and no cpu line.
	memory := "BenchmarkPausedJobMemory-16 \t 1\t403454990 ns/op\t 3141 RSS-B/job\t110620056 B/op\t1100086 allocs/op\r\nPASS\r\n"
	r, err = parseBenchmark(memory, "BenchmarkPausedJobMemory")
	if err != nil || r.cpu != "" {
		t.Error(r, err)
	}
	if v, err := r.metric("BenchmarkPausedJobMemory", "RSS-B/job"); v != 3141 || err != nil {
		t.Error(v, err)
	}
	if v, err := r.metric("BenchmarkPausedJobMemory", "MB/s"); err == nil {
		t.Error(v, "for a unit that is not there")
	}
}

func TestParseBenchmarkRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ out, complaint string }{
		"nothing":   {"PASS\n", "no figures"},
		"another":   {"BenchmarkPauseResumeTwice 10 5 ns/op\nBenchmarkPauseResume/sub 10 5 ns/op\n", "no figures"},
		"skipped":   {"--- SKIP: BenchmarkPauseResume\n    bench_test.go:1: reads /proc\nPASS\n", "no figures"},
		"twice":     {"BenchmarkPauseResume 10 5 ns/op\nBenchmarkPauseResume-2 10 5 ns/op\n", "more than one"},
		"no number": {"BenchmarkPauseResume 10 five ns/op\n", "figures in"},
	} {
		if r, err := parseBenchmark(tt.out, "BenchmarkPauseResume"); err == nil || !strings.Contains(err.Error(), tt.complaint) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func TestPattern(t *testing.T) {
	if p := pattern("BenchmarkA/fds=1"); p != "^BenchmarkA$/^fds=1$" {
		t.Error(p)
	}
}
