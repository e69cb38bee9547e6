package async_test

import (
	"errors"
	"fmt"
	"log"
	"runtime"
	"sync/atomic"

	"asynccrypto/async"
)

// Without fds and without a callback an application tries: resumed too early, a job pauses again.
func Example_polling() {
	pool, err := async.NewPool(10, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var answer atomic.Int64
	job, outcome, err := pool.Start(nil, func(j async.Job) error {
		go answer.Store(42) // an engine would compute it
		for answer.Load() == 0 {
			if err := j.Pause(); err != nil {
				return err
			}
		}
		fmt.Println("the job has its answer:", answer.Load())
		return nil
	})
	for outcome == async.Paused {
		runtime.Gosched() // other work
		outcome, err = job.Resume()
	}
	fmt.Println(outcome, err)
	// Output:
	// the job has its answer: 42
	// FINISH <nil>
}

// With a callback: an engine calls the function that the application has set when the operation
// completes. The callback does not resume the job itself; it notifies the loop that does.
func ExampleWaitCtx_SetCallback() {
	pool, err := async.NewPool(10, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	ready := make(chan string, 1)
	var w async.WaitCtx // one for each session
	defer w.Close()
	w.SetCallback(func(arg any) { ready <- arg.(string) }, "session 7")

	job, outcome, err := pool.Start(&w, func(j async.Job) error {
		w := j.WaitCtx()
		var done atomic.Bool
		go func() { // an engine's worker
			done.Store(true)
			if fn, arg, ok := w.Callback(); ok {
				fn(arg)
			}
		}()
		w.SetStatus(async.StatusOK) // submitted; the callback will be called
		for !done.Load() {
			if err := j.Pause(); err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Println(w.Status())
	fmt.Println("woken:", <-ready)
	if outcome == async.Paused { // or it was that fast
		outcome, err = job.Resume()
	}
	fmt.Println(outcome, err)
	// Output:
	// OK
	// woken: session 7
	// FINISH <nil>
}

// A pool at its limit notifies a caller when to try again.
func ExamplePool_Notify() {
	pool, err := async.NewPool(1, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	hello := func(j async.Job) error {
		fmt.Println("hello")
		return j.Pause()
	}

	first, _, _ := pool.Start(nil, hello)
	_, outcome, err := pool.Start(nil, hello)
	fmt.Println(outcome, err)

	room := make(chan bool, 1)
	pool.Notify(func(any) { room <- true }, nil)
	first.Resume() // to its end
	<-room
	_, outcome, err = pool.Start(nil, hello)
	fmt.Println(outcome, err)
	// Output:
	// hello
	// NO_JOBS async: pool is at its limit; Notify says when to try again
	// hello
	// PAUSE <nil>
}

// The Pause of a cancelled job returns an error, and its deferred functions run.
func ExampleJob_Cancel() {
	pool, err := async.NewPool(10, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	job, _, _ := pool.Start(nil, func(j async.Job) error {
		defer fmt.Println("cleaned up")
		err := j.Pause()
		fmt.Println(err)
		return err
	})
	fmt.Println(job.Cancel())
	_, err = job.Resume()
	fmt.Println(err)
	// Output:
	// async: job was cancelled
	// cleaned up
	// <nil>
	// async: job has finished
}

// A panic in a job is an error of the Start or Resume that runs it, and the pool stays usable.
func ExamplePanicError() {
	pool, err := async.NewPool(10, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	_, outcome, err := pool.Start(nil, func(async.Job) error { panic("out of entropy") })
	fmt.Println(outcome, err)
	var p *async.PanicError
	fmt.Println(errors.As(err, &p), len(p.Stack) > 0)
	// Output:
	// ERR async: panic in a job: out of entropy
	// true true
}
