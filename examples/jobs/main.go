// Jobs shows the asynchronous facility by hand. One goroutine starts many signatures as jobs,
// is free for other work while an engine computes them, and resumes each job when the engine
// wakes it.
//
//	go run ./examples/jobs
//
// An engine wakes a session in one of two ways: it calls the session's callback (see callbacks,
// below), or, if none is set, it makes the session's wait fd readable (see fds_unix.go). Both
// work alike with poll, epoll and other loops; package reactor is such a loop, ready made.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/engine/workers"
)

const sessions = 200

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "jobs:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	// Wrap a key once, when the program starts, and not for each signature.
	signer, err := multibuffer.Signer(key)
	if err != nil {
		return err
	}
	defer signer.Close()

	pool, err := async.NewPool(sessions, 0) // at most that many jobs at a time; none is made in advance
	if err != nil {
		return err
	}
	defer pool.Close()

	for _, way := range []struct {
		name string
		do   func(*async.Pool, engine.Signer) ([]*session, error)
	}{{"callbacks", callbacks}, {"fds", fds}} {
		began := time.Now()
		done, err := way.do(pool, signer)
		if errors.Is(err, errors.ErrUnsupported) {
			fmt.Fprintf(out, "%-9s  %v\n", way.name, err)
			continue
		}
		if err != nil {
			return err
		}
		took := time.Since(began)
		for _, s := range done {
			if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, s.digest[:], s.signature); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "%-9s  %d signatures as jobs on one goroutine in %v, all of them verified\n",
			way.name, len(done), took.Round(time.Millisecond))
	}
	return cancel(out, pool)
}

// session is the program's state for one of its clients, a connection for example.
type session struct {
	async.WaitCtx // carries the callback and the wait fds
	job           async.Job
	digest        [sha256.Size]byte
	signature     []byte
}

func newSession(i int) *session {
	return &session{digest: sha256.Sum256(fmt.Append(nil, "message ", i))}
}

// start runs s's job until it first pauses, or to its end.
func (s *session) start(pool *async.Pool, signer engine.Signer) (outcome async.Outcome, err error) {
	s.job, outcome, err = pool.Start(&s.WaitCtx, func(j async.Job) (err error) {
		// The context is how the signer finds the job. Sign pauses the job and returns once the
		// signature is there.
		ctx := async.NewContext(context.Background(), j)
		s.signature, err = signer.WithContext(ctx).Sign(rand.Reader, s.digest[:], crypto.SHA256)
		return err
	})
	return outcome, err
}

// callbacks has the engine call a function for each session that can go on.
func callbacks(pool *async.Pool, signer engine.Signer) (done []*session, err error) {
	// The callback runs on a goroutine of the engine, perhaps before Start has returned. It
	// must neither block nor resume the job: it tells the goroutine that does. The channel has
	// room for all, so that telling never blocks.
	ready := make(chan *session, sessions)
	paused := 0
	for i := range sessions {
		s := newSession(i)
		s.SetCallback(func(any) { ready <- s }, nil)
		outcome, err := s.start(pool, signer)
		if err != nil {
			return nil, err
		}
		if outcome == async.Paused {
			paused++
		} else {
			done = append(done, s)
		}
	}
	// A program with other work does it here, and looks at ready in between. Each pause ends in
	// exactly one wake.
	for paused > 0 {
		s := <-ready
		outcome, err := s.job.Resume()
		if err != nil {
			return nil, err
		}
		if outcome == async.Finished {
			paused--
			done = append(done, s)
			s.Close() // ends the session: unsets the callback, lets engines close their wait fds
		}
	}
	return done, nil
}

// cancel ends a job that waits for an engine, as a server does whose client has gone.
func cancel(out io.Writer, pool *async.Pool) error {
	// An engine with one worker, which a first operation keeps busy until it is released.
	eng, err := workers.New(workers.Options{Workers: 1})
	if err != nil {
		return err
	}
	defer eng.Close()
	release := make(chan struct{})
	defer close(release)

	var w async.WaitCtx
	defer w.Close()
	var answer error
	job, outcome, err := pool.Start(&w, func(j async.Job) error {
		ctx := async.NewContext(context.Background(), j)
		answer = eng.Do(ctx, engine.Func(func() error { <-release; return nil })) // any blocking function
		return answer
	})
	if outcome != async.Paused {
		return fmt.Errorf("the job did not pause: %v, %w", outcome, err)
	}
	// Cancel runs the job to its end on this goroutine: Do returns an error, deferred functions
	// run, and the place in the pool is free again. The engine drops the result whenever it
	// comes.
	if err := job.Cancel(); err != nil {
		return err
	}
	_, err = job.Resume()
	fmt.Fprintf(out, "%-9s  the engine's Do returned %q; Resume now says %q\n", "cancel", answer, err)
	return nil
}
