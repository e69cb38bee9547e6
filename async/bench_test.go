package async_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"asynccrypto/async"
)

// newPool is the pool of every test and benchmark here.
func newPool(tb testing.TB, max int) *async.Pool {
	tb.Helper()
	p, err := async.NewPool(max, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func BenchmarkPauseResume(b *testing.B) {
	pool := newPool(b, 8)
	var w async.WaitCtx
	stop := false
	job, out, err := pool.Start(&w, func(j async.Job) error {
		ctx := async.NewContext(context.Background(), j)
		j, _ = async.FromContext(ctx)
		for !stop {
			if err := j.Pause(); err != nil {
				return err
			}
		}
		return nil
	})
	if out != async.Paused {
		b.Fatal(out, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if out, err := job.Resume(); out != async.Paused {
			b.Fatal(out, err)
		}
	}
	stop = true
	if out, err := job.Resume(); out != async.Finished || err != nil {
		b.Fatal(out, err)
	}
}

func BenchmarkStartFinish(b *testing.B) {
	pool := newPool(b, 8)
	var w async.WaitCtx
	n := 0
	fn := func(async.Job) error { n++; return nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, out, err := pool.Start(&w, fn); out != async.Finished || err != nil {
			b.Fatal(out, err)
		}
	}
	if n == 0 {
		b.Fatal("nothing ran")
	}
}

func BenchmarkWaitCtxSetGetClear(b *testing.B) {
	for _, fds := range []int{1, 8, 64, 1024} {
		b.Run(fmt.Sprint("fds=", fds), func(b *testing.B) {
			var w async.WaitCtx
			defer w.Close()
			keys := make([]int, fds)
			for i := range keys[1:] {
				w.SetWaitFD(&keys[i], async.FD(i), nil, nil)
			}
			key := &keys[fds-1]
			b.ReportAllocs()
			for b.Loop() {
				w.SetWaitFD(key, 7, nil, nil)
				if fd, _, ok := w.FD(key); !ok || fd != 7 {
					b.Fatal(fd, ok)
				}
				if !w.ClearFD(key) {
					b.Fatal("not there")
				}
			}
		})
	}
}

// BenchmarkWaitCtxNewClose makes and ends a session as a program does whose connections embed their WaitCtx: zeroed
// memory is a new one.
func BenchmarkWaitCtxNewClose(b *testing.B) {
	s := new(struct {
		async.WaitCtx
		name string
	})
	b.ReportAllocs()
	for b.Loop() {
		s.WaitCtx = async.WaitCtx{}
		s.Close()
	}
}

func BenchmarkPausedJobMemory(b *testing.B) {
	const jobs = 100_000
	if runtime.GOOS != "linux" {
		b.Skip("reads /proc/self/status")
	}
	for b.Loop() {
		pool := newPool(b, 0)
		ws := make([]async.WaitCtx, jobs)
		handles := make([]async.Job, jobs)
		runtime.GC()
		before := rss(b)
		for i := range handles {
			var out async.Outcome
			var err error
			handles[i], out, err = pool.Start(&ws[i], func(j async.Job) error {
				ctx := async.NewContext(context.Background(), j)
				j, _ = async.FromContext(ctx)
				return j.Pause()
			})
			if out != async.Paused {
				b.Fatal(out, err)
			}
		}
		b.ReportMetric(float64(rss(b)-before)/jobs, "RSS-B/job")
		for _, j := range handles {
			if out, err := j.Resume(); out != async.Finished || err != nil {
				b.Fatal(out, err)
			}
		}
		pool.Close()
	}
}

// rss is what the process has in memory.
func rss(tb testing.TB) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(after, "\n")
	kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "kB")))
	if err != nil {
		tb.Fatal(err)
	}
	return kb << 10
}
