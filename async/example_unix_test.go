//go:build unix

package async_test

import (
	"fmt"
	"log"
	"os"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// doubler is an engine. Its address is the key of its wait fds.
var doubler = new(struct{ name string })

// double does the work of an engine: it computes on another goroutine, and makes the session's
// wait fd readable when done. The fd is a pipe, made once for a session and closed with it.
func double(j async.Job, n int) (int, error) {
	w := j.WaitCtx()
	if _, _, ok := w.FD(doubler); !ok {
		r, p, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		w.SetWaitFD(doubler, async.FD(r.Fd()), [2]*os.File{r, p}, func(_ *async.WaitCtx, _ any, _ async.FD, data any) {
			for _, f := range data.([2]*os.File) {
				f.Close()
			}
		})
	}
	_, data, _ := w.FD(doubler)
	pipe := data.([2]*os.File)

	result := make(chan int, 1)
	go func() {
		result <- 2 * n
		pipe[1].Write([]byte{1})
	}()
	for {
		if err := j.Pause(); err != nil {
			return 0, err
		}
		select {
		case n := <-result:
			pipe[0].Read(make([]byte, 1)) // clear the wake signal
			return n, nil
		default: // resumed too early
		}
	}
}

// With fds: poll, or the application's own event loop, waits for the session's fds.
func ExampleWaitCtx_ChangedFDs() {
	pool, err := async.NewPool(10, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var w async.WaitCtx
	defer w.Close()
	job, outcome, err := pool.Start(&w, func(j async.Job) error {
		n := 1
		for range 3 {
			var err error
			if n, err = double(j, n); err != nil {
				return err
			}
		}
		fmt.Println("1 doubled three times is", n)
		return nil
	})

	watched := make(map[async.FD]bool)
	for outcome == async.Paused {
		added, deleted := w.ChangedFDs(nil, nil)
		for _, fd := range deleted { // first, for an fd can be in both lists
			delete(watched, fd)
		}
		for _, fd := range added {
			watched[fd] = true
		}
		fmt.Println("new fds:", len(added))

		var fds []unix.PollFd
		for fd := range watched {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		_, err = unix.Poll(fds, -1)
		for err == unix.EINTR {
			_, err = unix.Poll(fds, -1)
		}
		if err != nil {
			log.Fatal(err)
		}
		outcome, err = job.Resume()
	}
	fmt.Println(outcome, err)
	// Output:
	// new fds: 1
	// new fds: 0
	// new fds: 0
	// 1 doubled three times is 8
	// FINISH <nil>
}
