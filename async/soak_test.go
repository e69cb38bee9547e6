package async_test

import (
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/async"
)

var soakFor = flag.Duration("soak", 0, "how long TestSoak runs, instead of a second")

// TestSoak starts, pauses, resumes, cancels, panics and closes at random on several goroutines.
// Afterwards the numbers of goroutines and file descriptors and the memory are the same as before.
func TestSoak(t *testing.T) {
	d := *soakFor
	if d == 0 {
		d = time.Second
		if testing.Short() {
			d /= 10
		}
	}
	soak(t, 50*time.Millisecond) // makes everything that is made once and kept
	runtime.GC()
	goroutines, files, heap := runtime.NumGoroutine(), openFiles(), heapInUse()
	jobs := soak(t, d)
	for jobs < 100 { // a busy machine may need longer
		jobs += soak(t, d)
	}
	wantGoroutines(goroutines)
	if n := openFiles(); n != files {
		t.Errorf("%d open files, %d before", n, files)
	}
	// A leak in many jobs is large. Other memory varies: the runtime keeps the descriptors of all
	// goroutines that ever lived at once, and memory that a cleanup of the collector releases is
	// collected in a later round.
	const slack = 2 << 20
	now := heapInUse()
	for range 20 {
		if now <= heap+slack {
			break
		}
		now = heapInUse()
	}
	if now > heap+slack {
		t.Errorf("%d bytes of heap in use, %d before, %d jobs", now, heap, jobs)
	}
	t.Log(jobs, "jobs")
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// openFiles counts file descriptors where there is a directory of them; elsewhere it returns the
// same number each time. Under wine the directory is there, but lists the files of wine too.
func openFiles() int {
	if runtime.GOOS == "windows" {
		return 0
	}
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		dir, _ = os.ReadDir("/dev/fd")
	}
	return len(dir)
}

// soaker is the data that the goroutines of a soak share.
type soaker struct {
	t      *testing.T
	pool   atomic.Pointer[async.Pool]    // of the jobs without a session, which anybody may end at any time
	shared [16]atomic.Pointer[async.Job] // those jobs
	begun  atomic.Int64
	ended  atomic.Int64
	end    time.Time
}

var errSoak = errors.New("soak")

func soak(t *testing.T, d time.Duration) int64 {
	s := &soaker{t: t, end: time.Now().Add(d)}
	s.replacePool()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() { s.work(rand.New(rand.NewPCG(rand.Uint64(), uint64(g)))) })
	}
	wg.Go(func() { // meddles with the others' jobs
		random := rand.New(rand.NewPCG(rand.Uint64(), 0))
		for time.Now().Before(s.end) {
			if j := s.shared[random.IntN(len(s.shared))].Load(); j == nil {
				runtime.Gosched()
			} else if random.IntN(3) > 0 {
				s.check(j.Resume())
			} else {
				s.check(async.Finished, j.Cancel())
			}
		}
	})
	wg.Wait()
	s.pool.Load().Close()
	if s.begun.Load() != s.ended.Load() {
		t.Errorf("%d jobs were begun, %d ended", s.begun.Load(), s.ended.Load())
	}
	return s.ended.Load()
}

func (s *soaker) newPool() *async.Pool {
	pool, err := async.NewPool(12, 3)
	if err != nil {
		s.t.Error(err)
	}
	return pool
}

// replacePool closes a pool that is in use.
func (s *soaker) replacePool() {
	if old := s.pool.Swap(s.newPool()); old != nil {
		s.check(async.Finished, old.Close())
	}
}

// check accepts all errors that may happen.
func (s *soaker) check(out async.Outcome, err error) {
	switch {
	case err == nil, errors.Is(err, errSoak), errors.Is(err, async.ErrGoexit):
	case err == async.ErrNoJobs, err == async.ErrClosed, err == async.ErrBusy, err == async.ErrStale, err == async.ErrCanceled:
	default:
		s.t.Error(out, err)
	}
}

// work is an application: sessions, each with a few jobs one after another.
func (s *soaker) work(random *rand.Rand) {
	pool := s.newPool()
	for n := 1; time.Now().Before(s.end); n++ {
		if s.session(pool, random); n%300 == 0 {
			s.replacePool()
		}
		if random.IntN(100) == 0 {
			s.check(async.Finished, pool.Close())
			pool = s.newPool()
		}
	}
	s.check(async.Finished, pool.Close())
}

func (s *soaker) session(pool *async.Pool, random *rand.Rand) {
	var w async.WaitCtx
	defer w.Close()
	for range random.IntN(3) + 1 {
		seed := random.Uint64()
		j, out, err := pool.Start(&w, func(j async.Job) error {
			s.begun.Add(1)
			defer s.ended.Add(1)
			return s.job(j, &w, pool, rand.New(rand.NewPCG(seed, 0)), 0)
		})
		s.check(out, err)
		if out == async.NoJobs {
			notified := make(chan bool, 1)
			stop := pool.Notify(func(any) { notified <- true }, nil)
			runtime.Gosched()
			stop()
		}
		for out == async.Paused {
			w.ChangedFDs(nil, nil)
			switch random.IntN(12) {
			case 0:
				s.check(async.Finished, j.Cancel())
			case 1:
				return // Close ends it
			}
			out, err = j.Resume()
			s.check(out, err)
		}
		if random.IntN(50) == 0 {
			s.check(async.Finished, pool.Close()) // with jobs paused on the session, and before they start in vain
		}
	}
}

// job does at random the things that jobs do.
func (s *soaker) job(j async.Job, w *async.WaitCtx, pool *async.Pool, random *rand.Rand, depth int) error {
	for range random.IntN(6) {
		switch random.IntN(16) {
		case 0:
			panic(errSoak)
		case 1:
			runtime.Goexit()
		case 2:
			return errSoak
		case 3:
			j.Cancel()
		case 4:
			j.BlockPause()
			defer j.UnblockPause()
		case 5:
			defer j.Pause()
		case 6:
			if _, _, ok := w.FD(s); ok {
				w.ClearFD(s) // the engine's own business is to close it, and it did when it cleared
				continue
			}
			r, p, err := os.Pipe()
			if err != nil {
				s.t.Error(err)
				continue
			}
			if p.Close(); random.IntN(4) == 0 {
				r.Close()
				continue
			}
			w.SetWaitFD(r, async.FD(r.Fd()), r, func(_ *async.WaitCtx, _ any, _ async.FD, data any) { data.(io.Closer).Close() })
		case 7:
			if depth < 3 {
				inner, out, err := pool.Start(w, func(j async.Job) error { return s.job(j, w, pool, random, depth+1) })
				s.check(out, err)
				for out == async.Paused && random.IntN(3) > 0 { // else Close ends it
					j.Pause()
					out, err = inner.Resume()
					s.check(out, err)
				}
			}
		case 8:
			s.share(random.Uint64())
		default:
			if err := j.Pause(); err != nil && random.IntN(2) == 0 {
				return err
			}
		}
	}
	return nil
}

// share starts a job that any goroutine may resume and cancel. It has no session, because the
// owner of the job would own that too.
func (s *soaker) share(seed uint64) {
	j, out, err := s.pool.Load().Start(nil, func(j async.Job) error {
		s.begun.Add(1)
		defer s.ended.Add(1)
		random := rand.New(rand.NewPCG(seed, 0))
		for random.IntN(30) > 0 {
			j.Pause()
		}
		if random.IntN(2) == 0 {
			runtime.Goexit()
		}
		panic(errSoak)
	})
	s.check(out, err)
	if out != async.Paused {
		return
	}
	if old := s.shared[seed%uint64(len(s.shared))].Swap(&j); old != nil {
		s.check(async.Finished, old.Cancel())
	}
}
