package async_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"asynccrypto/async"
)

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

// BenchmarkStartFinish runs whole jobs, with a WaitCtx as in C, and without a context.Context: a
// job that needs one allocates it (async.NewContext, 32 bytes).
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

// BenchmarkWaitCtxNewClose makes and ends a session as a program does whose connections embed their
// WaitCtx: zeroed memory is a new one.
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

// heldCtx keeps the compiler from putting a context on the stack.
var heldCtx *async.WaitCtx

// BenchmarkHeapWaitCtx measures a context that is allocated for each session, not part of
// something that is reused.
func BenchmarkHeapWaitCtx(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		heldCtx = async.NewWaitCtx()
		heldCtx.Close()
	}
}

// BenchmarkPooledWaitCtx measures a context that a sync.Pool keeps.
func BenchmarkPooledWaitCtx(b *testing.B) {
	ctxs := sync.Pool{New: func() any { return async.NewWaitCtx() }}
	b.ReportAllocs()
	for b.Loop() {
		heldCtx = ctxs.Get().(*async.WaitCtx)
		heldCtx.Close()
		ctxs.Put(heldCtx)
	}
}

// pausedJobs is how many jobs BenchmarkPausedJobMemory pauses at once.
const pausedJobs = 100_000

// BenchmarkPausedJobMemory measures in a fresh process each time: the runtime reuses the
// descriptors and stacks of dead goroutines, so a second round in the same process would get some
// of its memory for nothing.
func BenchmarkPausedJobMemory(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("reads VmRSS from /proc/self/status, which only Linux has")
	}
	var sum float64
	for b.Loop() {
		perJob, err := strconv.ParseFloat(strings.TrimSpace(runChild(b, "memory")), 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += perJob
	}
	b.ReportMetric(sum/float64(b.N), "RSS-B/job")
	b.ReportMetric(0, "ns/op") // the time of a process, of no interest
}

// memoryChild prints how much memory a paused job takes, with a context in the job, its handle and
// its WaitCtx.
func memoryChild() error {
	pool, err := async.NewPool(0, 0)
	if err != nil {
		return err
	}
	ws := make([]async.WaitCtx, pausedJobs)
	handles := make([]async.Job, pausedJobs)
	runtime.GC()
	before, err := rss()
	if err != nil {
		return err
	}
	for i := range handles {
		var out async.Outcome
		handles[i], out, err = pool.Start(&ws[i], func(j async.Job) error {
			ctx := async.NewContext(context.Background(), j)
			j, _ = async.FromContext(ctx)
			return j.Pause()
		})
		if out != async.Paused {
			return fmt.Errorf("job %d: %v, %v", i, out, err)
		}
	}
	after, err := rss()
	if err != nil {
		return err
	}
	fmt.Println(float64(after-before) / pausedJobs)
	for i, j := range handles {
		if out, err := j.Resume(); out != async.Finished || err != nil {
			return fmt.Errorf("job %d: %v, %v", i, out, err)
		}
	}
	return pool.Close()
}

// rss returns the resident memory of the process, in bytes.
func rss() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(after, "\n")
	kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "kB")))
	return kb << 10, err
}
