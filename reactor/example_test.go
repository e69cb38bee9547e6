package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
	"asynccrypto/reactor"
)

// unsupported prints the output of an example on systems without a loop.
func unsupported(err error, want string) bool {
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Print(want)
		return true
	}
	if err != nil {
		log.Fatal(err)
	}
	return false
}

// A thousand jobs on one goroutine: each pauses while the engine works, and is resumed by the loop.
func Example() {
	eng, err := workers.New(workers.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	pool, err := async.NewPool(0, 0) // one for each loop
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	loop, err := reactor.New(reactor.Options{})
	if unsupported(err, "1000 done\ncontext canceled\n") {
		return
	}
	defer loop.Close()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := 0
	for range 1000 {
		session := new(async.WaitCtx)
		var job async.Job
		var watch *reactor.Watch
		after := func(out async.Outcome, err error) {
			if out == async.Paused {
				return // until ready is called (again)
			}
			if err != nil {
				log.Print(err)
			}
			watch.Remove()
			session.Close()
			if done++; done == 1000 {
				stop()
			}
		}
		watch, err = loop.Add(session, func() { after(job.Resume()) })
		if err != nil {
			log.Fatal(err)
		}
		var out async.Outcome
		job, out, err = pool.Start(session, func(j async.Job) error {
			return eng.Do(async.NewContext(context.Background(), j), engine.Func(func() error {
				return nil // an operation that blocks, or computes for long
			}))
		})
		after(out, err)
	}
	err = loop.Run(ctx)
	fmt.Println(done, "done")
	fmt.Println(err)
	// Output:
	// 1000 done
	// context canceled
}

// Other goroutines post functions, or wake a Watch: many wakes run its function once.
func ExampleLoop_Watch() {
	loop, err := reactor.New(reactor.Options{})
	if unsupported(err, "first\n42\n") {
		return
	}
	defer loop.Close()

	result := 0
	var watch *reactor.Watch
	watch = loop.Watch(func() {
		fmt.Println(result)
		watch.Remove()
		loop.Close() // Run returns nil
	})
	loop.Post(func() { fmt.Println("first") })
	go func() {
		time.Sleep(time.Millisecond)
		result = 42
		watch.Wake()
		watch.Wake()
	}()
	if err := loop.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// first
	// 42
}

// Every event puts off an idle deadline.
func ExampleTimer_Reset() {
	loop, err := reactor.New(reactor.Options{})
	if unsupported(err, "3 events, then idle\n") {
		return
	}
	defer loop.Close()

	events := 0
	idle := loop.After(100*time.Millisecond, func() {
		fmt.Println(events, "events, then idle")
		loop.Close()
	})
	for i := range 3 {
		loop.After(time.Duration(i)*time.Millisecond, func() {
			events++
			idle.Reset(100 * time.Millisecond)
		})
	}
	if err := loop.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 3 events, then idle
}
