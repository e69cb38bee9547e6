package multibuffer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"hash"
	"runtime"
	"sync"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// signs returns a function that signs with s, which was made of key, and compares the result with
// crypto/rsa's.
func signs(t *testing.T, s crypto.Signer, key *rsa.PrivateKey, pss bool) func() {
	return func() {
		d := digest(crypto.SHA384)
		if pss {
			sig, err := s.Sign(rand.Reader, d, &rsa.PSSOptions{Hash: crypto.SHA384})
			if err != nil || rsa.VerifyPSS(&key.PublicKey, crypto.SHA384, d, sig, nil) != nil {
				t.Errorf("%d bits, PSS: %x, %v", key.N.BitLen(), sig, err)
			}
			return
		}
		want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA384, d)
		if err != nil {
			t.Error(err)
		}
		if got, err := s.Sign(nil, d, crypto.SHA384); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bits: got %x, %v; want %x", key.N.BitLen(), got, err, want)
		}
	}
}

// A batch of every size, of one modulus size, with the keys of several owners.
func TestBatches(t *testing.T) {
	for _, bits := range bitSizes {
		for n := 1; n <= 8; n++ {
			t.Run(fmt.Sprintf("%d/%d", bits, n), func(t *testing.T) {
				e := newEngine(t, multibuffer.Options{Workers: 1})
				var all []func()
				for i := range n {
					key := keys()[bits][i%len(keys()[bits])]
					all = append(all, signs(t, wrap(t, e, key), key, i%3 == 2))
				}
				inOneBatch(t, e, map[string]int{signRSA(bits): n}, all...)
				wantVectorized(t, e, n)
			})
		}
	}
}

// A hash function that a program has registered may panic, or exit the goroutine, while the
// message is padded. Only the operation that asked for it fails.
func TestHashThatPanics(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 1})
	key := keys()[2048][0]
	s := wrap(t, e, key)
	defer crypto.RegisterHash(crypto.MD4, nil)
	for _, leave := range []func(){func() { panic("mine") }, runtime.Goexit} {
		crypto.RegisterHash(crypto.MD4, func() hash.Hash { leave(); return nil })
		bad := func() {
			_, err := s.Sign(rand.Reader, digest(crypto.MD4), &rsa.PSSOptions{Hash: crypto.MD4})
			if _, ok := err.(*engine.PanicError); !ok {
				t.Error(err)
			}
		}
		good := signs(t, s, key, false)
		inOneBatch(t, e, map[string]int{signRSA(2048): 4}, good, bad, signs(t, s, key, true), good)
		inOneBatch(t, e, map[string]int{signRSA(2048): 2}, bad, bad)
	}
	wantVectorized(t, e, 6)
}

// A caller's own reader may block. The others in the batch get their signatures all the same.
func TestReaderThatBlocks(t *testing.T) {
	if !lanes() {
		t.Skip("no batches, and one worker")
	}
	e := newEngine(t, multibuffer.Options{Workers: 1})
	key := keys()[2048][0]
	s := wrap(t, e, key)
	var others sync.WaitGroup
	others.Add(2)
	good := func() { defer others.Done(); signs(t, s, key, false)() }
	inOneBatch(t, e, map[string]int{signRSA(2048): 3}, good, func() {
		read := readerFunc(func(p []byte) (int, error) {
			others.Wait() // for ever, if the others in the batch wait for it
			return rand.Read(p)
		})
		if _, err := s.Sign(read, digest(crypto.SHA256), &rsa.PSSOptions{Hash: crypto.SHA256}); err != nil {
			t.Error(err)
		}
	}, good)
	wantVectorized(t, e, 2)
}

// A callback that exits the worker's goroutine loses no other operation's result.
func TestExitInACallback(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 1})
	key := keys()[2048][0]
	s := wrap(t, e, key)
	pool, err := async.NewPool(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var w async.WaitCtx
	defer w.Close()
	called := make(chan struct{})
	w.SetCallback(func(any) { close(called); runtime.Goexit() }, nil)
	var job async.Job
	inOneBatch(t, e, map[string]int{signRSA(2048): 3}, func() {
		var out async.Outcome
		job, out, err = pool.Start(&w, func(j async.Job) error {
			_, err := s.WithContext(async.NewContext(context.Background(), j)).Sign(nil, digest(crypto.SHA256), crypto.SHA256)
			return err
		})
		if out != async.Paused || err != nil {
			t.Error(out, err)
		}
	}, signs(t, s, key, false), signs(t, s, keys()[2048][0], true))
	<-called
	out, err := job.Resume()
	if _, ok := err.(*engine.PanicError); out != async.Finished || !ok {
		t.Error("the one with the callback:", out, err)
	}
	wantVectorized(t, e, 3)
}

// Jobs and goroutines, all at once, on an engine that is too small for them.
func TestJobsAndGoroutines(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 2, Depth: 5})
	pool, err := async.NewPool(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	const each, many = 6, 6
	var wg sync.WaitGroup
	for i := range many {
		key := keys()[2048][i]
		if i == 0 {
			key = keys()[3072][0]
		}
		s := wrap(t, e, key)
		wg.Go(func() {
			for n := range each {
				signs(t, s, key, n%2 == 0)()
			}
		})
		wg.Go(func() {
			var w async.WaitCtx
			defer w.Close()
			wakes := make(chan struct{}, 1)
			w.SetCallback(func(any) { wakes <- struct{}{} }, nil)
			job, out, err := pool.Start(&w, func(j async.Job) error {
				bound := s.WithContext(async.NewContext(context.Background(), j))
				for n := range each {
					signs(t, bound, key, n%2 == 0)()
				}
				return nil
			})
			for ; out == async.Paused; out, err = job.Resume() {
				<-wakes
			}
			if out != async.Finished || err != nil {
				t.Error(out, err)
			}
		})
	}
	wg.Wait()
	wantVectorized(t, e, 2*each*many)
}
