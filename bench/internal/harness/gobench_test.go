package harness

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
	m, err := parseBenchmark(onePinned, "BenchmarkWaitCtxSetGetClear/fds=8")
	if err != nil || m["ns/op"] != 11.86 {
		t.Error(m, err)
	}
	if allocs, ok := m["allocs/op"]; !ok || allocs != 0 {
		t.Error("no allocs/op in", m)
	}

	// With a suffix for several Ps, a metric of the benchmark's own, Windows' line ends, and no
	// cpu line.
	memory := "BenchmarkPausedJobMemory-16 \t 1\t403454990 ns/op\t 3141 RSS-B/job\t110620056 B/op\t1100086 allocs/op\r\nPASS\r\n"
	m, err = parseBenchmark(memory, "BenchmarkPausedJobMemory")
	if err != nil {
		t.Error(m, err)
	}
	if v, err := m.Positive("RSS-B/job"); v != 3141 || err != nil {
		t.Error(v, err)
	}
	if v, err := m.Positive("MB/s"); err == nil {
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
		if m, err := parseBenchmark(tt.out, "BenchmarkPauseResume"); err == nil || !strings.Contains(err.Error(), tt.complaint) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestPattern(t *testing.T) {
	if p := pattern("BenchmarkA/fds=1"); p != "^BenchmarkA$/^fds=1$" {
		t.Error(p)
	}
}
