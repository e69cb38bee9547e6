//go:build cgo && unix

// Command shared is a C library, which a test builds with -buildmode=c-shared.
package main

// #include <stdint.h>
import "C"

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

func main() {}

// setUp makes the signer that all threads share.
var setUp = sync.OnceValues(func() (engine.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	e, err := workers.New(workers.Options{})
	if err != nil {
		return nil, err
	}
	return e.Signer(slowKey{key})
})

// slowKey is of a kind that the engine does not sign with directly, so that jobs pause.
type slowKey struct{ crypto.Signer }

// use_pool makes, uses and closes a pool. It returns 0 if all went well.
//
//export use_pool
func use_pool() C.int {
	if err := usePool(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func usePool() (err error) {
	signer, err := setUp()
	if err != nil {
		return err
	}
	pool, err := async.NewPool(8, 2)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	var w async.WaitCtx
	defer w.Close()
	ready := make(chan struct{}, 2)
	w.SetCallback(func(any) { ready <- struct{}{} }, nil)
	message := []byte("message")
	pauses := 0
	sign := func(j async.Job) error {
		ctx := async.NewContext(context.Background(), j)
		signature, err := signer.WithContext(ctx).Sign(rand.Reader, message, crypto.Hash(0))
		if err == nil && !ed25519.Verify(signer.Public().(ed25519.PublicKey), message, signature) {
			err = errors.New("the signature is wrong")
		}
		return err
	}
	finish := func(job async.Job, out async.Outcome, err error) error {
		for ; out == async.Paused; out, err = job.Resume() {
			pauses++
			<-ready
		}
		return err
	}
	if err := finish(pool.Start(&w, sign)); err != nil {
		return fmt.Errorf("a job: %w", err)
	}
	// A job inside a job, on the same pool.
	nested := func(async.Job) error { return finish(pool.Start(&w, sign)) }
	if err := finish(pool.Start(&w, nested)); err != nil {
		return fmt.Errorf("a job in a job: %w", err)
	}
	if _, _, err := pool.Start(nil, func(async.Job) error { panic("boom") }); err == nil {
		return errors.New("a panic got lost")
	}
	// Jobs that are left paused: one to cancel, the other for Close.
	forever := func(j async.Job) error {
		for {
			if err := j.Pause(); err != nil {
				return err
			}
		}
	}
	canceled, _, err := pool.Start(nil, forever)
	if err != nil {
		return err
	}
	if _, _, err := pool.Start(nil, forever); err != nil {
		return err
	}
	if pauses == 0 {
		return errors.New("no job has paused")
	}
	return canceled.Cancel()
}
