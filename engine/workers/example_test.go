//go:build unix

package workers_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"

	"golang.org/x/sys/unix"
)

// By fd: wait for a session's fds with poll, then resume its job.
func Example_fds() {
	eng, _ := workers.New(workers.Options{})
	defer eng.Close()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	signer, _ := eng.Signer(key)
	pool, _ := async.NewPool(8, 0)
	defer pool.Close()
	var w async.WaitCtx
	defer w.Close()

	digest := sha256.Sum256([]byte("hello"))
	var sig []byte
	job, outcome, err := pool.Start(&w, func(j async.Job) (err error) {
		ctx := async.NewContext(context.Background(), j)
		sig, err = signer.WithContext(ctx).Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	})
	for outcome == async.Paused {
		var fds []unix.PollFd
		for _, fd := range w.AllFDs(nil) {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		unix.Poll(fds, -1)
		outcome, err = job.Resume()
	}
	fmt.Println(outcome, err, ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig))
	// Output: FINISH <nil> true
}

// By callback: sessions tell a channel that they can go on. The engine takes four operations and
// answers EAGAIN to the rest, which need no care: they are woken just the same.
func Example_callback() {
	eng, _ := workers.New(workers.Options{Depth: 4})
	defer eng.Close()
	pool, _ := async.NewPool(0, 0)
	defer pool.Close()

	type session struct {
		async.WaitCtx
		job async.Job
	}
	const sessions = 16
	woken := make(chan *session, sessions) // room for all: a callback must not block
	started := make(chan struct{})         // what the operations of this example wait for
	paused, waiting := 0, 0
	for range sessions {
		s := new(session)
		s.SetCallback(func(arg any) { woken <- arg.(*session) }, s)
		job, outcome, err := pool.Start(&s.WaitCtx, func(j async.Job) error {
			ctx := async.NewContext(context.Background(), j)
			return eng.Do(ctx, engine.Func(func() error { <-started; return nil })) // any blocking function
		})
		switch {
		case outcome == async.Paused:
			s.job = job
			paused++
			if s.Status() == async.StatusEAGAIN {
				waiting++
			}
		case err != nil:
			fmt.Println(err)
		}
	}
	close(started)
	for paused > 0 {
		s := <-woken
		if outcome, err := s.job.Resume(); outcome != async.Paused {
			if err != nil {
				fmt.Println(err)
			}
			s.Close()
			paused--
		}
	}
	fmt.Println(waiting, "met a full engine;", eng.Stats().Completed, "are done")
	// Output: 12 met a full engine; 16 are done
}
