package engine_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// Operations with prepared keys share batches, wherever they stand in line. Every other operation
// goes alone and waits for no batch.
func TestBatchesOfThePrepared(t *testing.T) {
	gate := make(chan struct{})
	var mu sync.Mutex
	var batches []string
	e, err := engine.New(engine.Config{
		Name: "mixed", Workers: 1, MaxBatch: 3, Depth: 100,
		Prepare: func(crypto.PrivateKey) (any, func(), error) { return "prepared", nil, nil },
		Handler: func(batch []*engine.Request) {
			<-gate
			kinds := ""
			for _, r := range batch {
				if _, ok := r.Op().(*engine.SignOp); ok {
					kinds += "s"
				} else {
					kinds += "f"
				}
				r.Run()
			}
			mu.Lock()
			batches = append(batches, kinds)
			mu.Unlock()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t)
	var all []*session
	for i, kind := range "f" + "sfsfsss" {
		w := newSession(t)
		w.listen()
		w.job, w.out, w.err = pool.Start(&w.WaitCtx, func(j async.Job) error {
			if kind == 'f' {
				return e.Do(jobContext(j), engine.Func(func() error { return nil }))
			}
			_, err := s.WithContext(jobContext(j)).Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
			return err
		})
		w.want(t, async.Paused, nil)
		all = append(all, w)
		for i == 0 && e.Stats().InFlight == 0 {
			time.Sleep(time.Microsecond) // until the worker holds the first
		}
	}
	close(gate)
	for _, w := range all {
		<-w.wakes
		w.resume()
		w.want(t, async.Finished, nil)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"f", "sss", "f", "f", "ss"}; !slices.Equal(batches, want) {
		t.Errorf("batches %q, want %q", batches, want)
	}
}
