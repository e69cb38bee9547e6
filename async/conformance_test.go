//go:build unix

package async_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"asynccrypto/async"

	"golang.org/x/sys/unix"
)

// The tests in this file show the promises of docs/conformance.md that no other test shows.

// engineKey stands for the engine that the job of Example_manualPage plays.
var engineKey byte

// The program that ends ASYNC_start_job(3), in Go: a job hands out one end of a pipe to be waited
// for, pauses, and is resumed when something can be read there.
func Example_manualPage() {
	fmt.Println("before the job")
	pool, err := async.NewPool(0, 0) // C makes one by itself
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	var w async.WaitCtx
	closePipe := func(_ *async.WaitCtx, _ any, _ async.FD, data any) {
		for _, end := range data.([2]*os.File) {
			if err := end.Close(); err != nil {
				fmt.Println(err)
			}
		}
		fmt.Println("the pipe is closed")
	}
	message := "a closure's variables are its arguments"

	job, outcome, err := pool.Start(&w, func(j async.Job) error {
		fmt.Println("in the job:", message)
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		j.WaitCtx().SetWaitFD(&engineKey, async.FD(r.Fd()), [2]*os.File{r, w}, closePipe)
		if _, err := w.Write([]byte{1}); err != nil { // the wake, which would come later and from elsewhere
			return err
		}
		if err := j.Pause(); err != nil {
			return err
		}
		if _, err := r.Read(make([]byte, 1)); err != nil { // the wake has been seen
			return err
		}
		fmt.Println("in the job again")
		return nil
	})
	for outcome == async.Paused {
		fds := w.AllFDs(nil)
		fmt.Println("paused; fds to wait for:", len(fds))
		unix.Poll([]unix.PollFd{{Fd: int32(fds[0]), Events: unix.POLLIN}}, -1)
		outcome, err = job.Resume()
	}
	fmt.Println("the job's end:", outcome, err)
	w.Close()
	// Output:
	// before the job
	// in the job: a closure's variables are its arguments
	// paused; fds to wait for: 1
	// in the job again
	// the job's end: FINISH <nil>
	// the pipe is closed
}

// The deadlock that the page tells of: a job that pauses with a lock, and an application that wants
// the lock before it resumes the job.
func TestBlockPauseKeepsALockShort(t *testing.T) {
	pool := newPool(t, 1)
	var mu sync.Mutex
	isFree := func() bool {
		if !mu.TryLock() {
			return false
		}
		mu.Unlock()
		return true
	}
	work := func(block bool) async.Func {
		return func(j async.Job) error {
			mu.Lock()
			defer mu.Unlock()
			if block {
				j.BlockPause()
				defer j.UnblockPause() // before the unlock
			}
			return j.Pause() // some cryptographic function
		}
	}
	j := startPaused(t, pool, nil, work(false))
	if isFree() {
		t.Error("the job paused without its lock: nothing to avoid")
	}
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)

	_, out, err = pool.Start(nil, work(true))
	want(t, out, err, async.Finished, nil)
	if !isFree() {
		t.Error("the lock was not released")
	}
}

// An engine that supports only fds sets no status. A callback that is set does not change that.
func TestEngineWithoutCallbacks(t *testing.T) {
	var w async.WaitCtx
	w.SetCallback(func(any) { t.Error("called") }, nil)
	j := startPaused(t, newPool(t, 1), &w, func(j async.Job) error {
		j.WaitCtx().SetWaitFD(&engineKey, 5, nil, nil)
		return j.Pause()
	})
	if s := w.Status(); s != async.StatusUnsupported {
		t.Error("status", s)
	}
	wantChanged(t, &w, fds(5), nil)
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)
	w.Close()
}
