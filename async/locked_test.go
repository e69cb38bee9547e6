package async_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
)

// The runtime ends the process when a coroutine is switched to in a thread-lock state other than
// the one it was made in. So these tests run in processes of their own.

func TestPoolUnderLockOSThread(t *testing.T)     { runChild(t, "locked") }
func TestPoolDropUnderLockOSThread(t *testing.T) { runChild(t, "locked drop") }
func TestPoolDropInABubble(t *testing.T)         { runChild(t, "bubble drop") }

// The check finds nothing wrong with a pool that is used on one locked thread only, and returns an
// error for every use that the runtime would end the process for. Package cgotest tests the same
// in callbacks from C.
func TestPoolUnderLockOSThreadChecked(t *testing.T) { runChild(t, "locked", checkThreads) }
func TestErrThreadLocked(t *testing.T)              { runChild(t, "checked", checkThreads) }

const checkThreads = "ASYNCCRYPTO_CHECK=threads"

// lockedChild uses a pool in every way on a locked thread.
func lockedChild() error {
	runtime.LockOSThread()
	pool, err := async.NewPool(8, 4)
	if err != nil {
		return err
	}
	var w async.WaitCtx
	deep := func(j async.Job) error {
		inner, out, err := pool.Start(&w, func(j async.Job) error { return j.Pause() })
		if out != async.Paused {
			return fmt.Errorf("inner: %v, %v", out, err)
		}
		if err := j.Pause(); err != nil {
			return err
		}
		_, err = inner.Resume()
		return err
	}
	for round := range 20 {
		j, out, err := pool.Start(&w, deep)
		if out != async.Paused {
			return fmt.Errorf("round %d: %v, %v", round, out, err)
		}
		if out, err := j.Resume(); out != async.Finished || err != nil {
			return fmt.Errorf("round %d: %v, %v", round, out, err)
		}
		if _, out, err := pool.Start(&w, func(async.Job) error { panic("boom") }); out != async.Failed {
			return fmt.Errorf("round %d: panic: %v, %v", round, out, err)
		}
		_, _, err = pool.Start(&w, func(async.Job) error { runtime.Goexit(); return nil })
		if !errors.Is(err, async.ErrGoexit) {
			return fmt.Errorf("round %d: Goexit: %v", round, err)
		}
		j, _, _ = pool.Start(&w, func(j async.Job) error {
			for {
				j.Pause()
			}
		})
		if err := j.Cancel(); err != nil || j.Err() != async.ErrStale {
			return fmt.Errorf("round %d: Cancel: %v, %v", round, err, j.Err())
		}
	}
	// While goroutines that are not locked use another pool.
	done := make(chan error)
	go func() {
		pool, err := async.NewPool(1, 1)
		for i := 0; i < 1000 && err == nil; i++ {
			_, _, err = pool.Start(nil, func(async.Job) error { return nil })
		}
		pool.Close()
		done <- err
	}()
	if err := <-done; err != nil {
		return err
	}
	pool.Start(&w, deep)
	w.Close()
	pool.Start(&w, deep)
	return pool.Close()
}

// checkedChild uses a pool that belongs to goroutines that are not locked on one that is, and the
// reverse.
func checkedChild() error {
	for _, home := range []string{"not locked", "locked"} {
		change, restore := runtime.LockOSThread, runtime.UnlockOSThread
		if home == "locked" {
			runtime.LockOSThread()
			change, restore = restore, change
		}
		if err := useElsewhere(change, restore); err != nil {
			return fmt.Errorf("a pool whose users are %s: %w", home, err)
		}
	}
	return nil
}

func useElsewhere(change, restore func()) error {
	pool, err := async.NewPool(4, 0)
	if err != nil {
		return err
	}
	var w async.WaitCtx
	var errs []error
	check := func(call string, got, want error) {
		if !errors.Is(got, want) || want == nil && got != nil {
			errs = append(errs, fmt.Errorf("%s: %v, want %v", call, got, want))
		}
	}
	never := func(async.Job) error { return errors.New("the job ran") }
	job, _, err := pool.Start(&w, func(j async.Job) error { return j.Pause() })
	check("Start", err, nil)
	running, _, err := pool.Start(&w, func(j async.Job) error {
		change()
		_, err := j.Resume()
		check("Resume of the caller's own job", err, async.ErrBusy)
		restore()
		check("Pause after that", j.Pause(), nil)
		change()
		check("Pause elsewhere", j.Pause(), async.ErrThreadLocked)
		if j.InJob() {
			errs = append(errs, errors.New("InJob elsewhere"))
		}
		restore()
		if !j.InJob() {
			errs = append(errs, errors.New("not InJob"))
		}
		return nil
	})
	check("Start of the second job", err, nil)
	if running.Err() != async.ErrStale {
		errs = append(errs, errors.New("the second job has paused"))
	}
	change()
	_, err = job.Resume()
	check("Resume elsewhere", err, async.ErrThreadLocked)
	_, err = running.Resume()
	check("Resume of an ended job elsewhere", err, async.ErrStale)
	check("Cancel elsewhere", job.Cancel(), async.ErrThreadLocked)
	check("Close of the session elsewhere", w.Close(), async.ErrThreadLocked)
	_, out, err := pool.Start(&w, never)
	check("Start elsewhere", err, async.ErrThreadLocked)
	if out != async.Failed {
		errs = append(errs, fmt.Errorf("Start elsewhere: %v", out))
	}
	check("Close elsewhere", pool.Close(), async.ErrThreadLocked)
	restore()
	out, err = job.Resume()
	check("Resume", err, nil)
	if out != async.Finished {
		errs = append(errs, fmt.Errorf("Resume: %v", out))
	}
	check("Close of the session", w.Close(), nil)
	check("Close", pool.Close(), nil)
	check("Start on a closed pool", func() error { _, _, err := pool.Start(nil, never); return err }(), async.ErrClosed)
	return errors.Join(errs...)
}

// lockedDropChild drops a pool with a paused job. The collector may not touch its coroutines.
func lockedDropChild() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ended atomic.Bool
	func() {
		pool, _ := async.NewPool(2, 2)
		pool.Start(nil, func(j async.Job) error {
			defer ended.Store(true)
			return j.Pause()
		})
	}()
	collect()
	if ended.Load() {
		return errors.New("the collector ran a job of a locked pool")
	}
	return nil
}

// collect runs the garbage collector until every cleanup that was ready before has run, with the
// goroutines it started.
func collect() {
	for range 5 {
		ran := make(chan struct{})
		func() { runtime.AddCleanup(new([64]byte), func(int) { close(ran) }, 0) }()
		runtime.GC()
		<-ran
		runtime.Gosched()
	}
}

// bubbleDropChild drops a pool in a bubble, where the collector must leave it alone too: the
// bubble would miscount its goroutines. The pool remains as a deadlock for synctest to report,
// like any goroutine left behind.
func bubbleDropChild() error {
	var ended atomic.Bool
	test := func(t *testing.T) {
		func() {
			pool, _ := async.NewPool(1, 0)
			pool.Start(nil, func(j async.Job) error {
				defer ended.Store(true)
				return j.Pause()
			})
		}()
		for range 5 {
			runtime.GC()
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if ended.Load() {
			fmt.Println("the collector ran a job of a pool in a bubble")
			os.Exit(1)
		}
		fmt.Println("alive to the end")
		os.Exit(0)
	}
	os.Args = os.Args[:1]
	testing.Main(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "Bubble", F: func(t *testing.T) { synctest.Test(t, test) }}}, nil, nil)
	return errors.New("not reached")
}

// A pool may be made in a package-level variable, which is initialized on a locked thread.
var poolMadeInInit, _ = async.NewPool(3, 2)

func TestPoolMadeInInit(t *testing.T) {
	j := startPaused(t, poolMadeInInit, nil, func(j async.Job) error { return j.Pause() })
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)
	if err := poolMadeInInit.Close(); err != nil {
		t.Error(err)
	}
	poolMadeInInit, _ = async.NewPool(3, 2) // for -count
}

// A pool that lives within initialization works too.
var usedInInit = func() error {
	pool, err := async.NewPool(2, 1)
	if err != nil {
		return err
	}
	j, _, err := pool.Start(nil, func(j async.Job) error { return j.Pause() })
	if err == nil {
		_, err = j.Resume()
	}
	return errors.Join(err, pool.Close())
}()

func TestPoolUsedInInit(t *testing.T) {
	if usedInInit != nil {
		t.Error(usedInInit)
	}
}

// In a bubble, time that jobs spend is the bubble's, a paused job does not keep the others from
// waiting for it, and a coroutine that Close left behind would fail this test.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		pool := newPool(t, 3)
		j := startPaused(t, pool, nil, func(j async.Job) error {
			time.Sleep(time.Hour)
			err := j.Pause()
			time.Sleep(time.Hour)
			return err
		})
		go func() {
			time.Sleep(time.Minute)
			out, err := j.Resume()
			want(t, out, err, async.Finished, nil)
		}()
		synctest.Wait()
		time.Sleep(3 * time.Hour)
		if j.Err() != async.ErrStale || time.Since(start) != 4*time.Hour {
			t.Error("the job did not sleep in the bubble:", time.Since(start), j.Err())
		}
		_, out, err := pool.Start(nil, func(async.Job) error { runtime.Goexit(); return nil })
		want(t, out, err, async.Failed, async.ErrGoexit)
		_, _, err = pool.Start(nil, func(async.Job) error { panic("boom") })
		if err == nil || !strings.Contains(err.Error(), "boom") {
			t.Error(err)
		}
		startPaused(t, pool, nil, pauseForever)
	})
}

// A pool that becomes unreachable is cleaned up with its jobs, as long as no job refers to the
// Pool.
func TestPoolDropped(t *testing.T) {
	before := runtime.NumGoroutine()
	const jobs = 100
	var unwound atomic.Int32
	func() {
		pool, err := async.NewPool(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range jobs {
			startPaused(t, pool, nil, func(j async.Job) error {
				defer unwound.Add(1)
				for {
					j.Pause()
				}
			})
		}
		for range jobs { // and as many that are idle; all must pause at once for that
			defer startPaused(t, pool, nil, func(j async.Job) error { return j.Pause() }).Resume()
		}
	}()
	for unwound.Load() < jobs {
		runtime.GC()
		runtime.Gosched()
	}
	wantGoroutines(before)
}
