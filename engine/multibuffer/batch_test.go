package multibuffer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"hash"
	mrand "math/rand/v2"
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
				inOneBatch(t, e, n, all...)
				wantVectorized(t, e, n)
			})
		}
	}
}

// Batches of every size with whatever may come together in them.
func TestMixedBatches(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 1})
	rounds := 4
	if multibuffer.Thorough {
		rounds = 15
	}
	if testing.Short() {
		rounds = 2
	}
	vectorized := 0
	for range rounds {
		for n := 1; n <= 8; n++ {
			var all []func()
			prepared := 0
			for range n {
				f, how := anything(t, e)
				all = append(all, f)
				if how >= shared {
					prepared++
				}
				if how == inLanes {
					vectorized++
				}
			}
			inOneBatch(t, e, prepared, all...)
		}
	}
	wantVectorized(t, e, vectorized)
}

const (
	alone   = iota // an operation that shares no batch
	shared         // one that does, and is left to the standard library all the same
	inLanes        // one for the kernels
)

// anything returns a function that submits one operation of some kind, and how it is to be done.
func anything(t *testing.T, e *engine.Engine) (f func(), how int) {
	bits := bitSizes[mrand.IntN(3)]
	key := keys()[bits][mrand.IntN(len(keys()[bits]))]
	switch mrand.IntN(12) {
	default:
		return signs(t, wrap(t, e, key), key, mrand.IntN(2) == 0), inLanes
	case 0:
		return func() {
			ran := false
			if err := e.Do(context.Background(), engine.Func(func() error { ran = true; return nil })); err != nil || !ran {
				t.Error("a function:", err)
			}
		}, alone
	case 1, 2: // the second ends the worker's goroutine, which must not affect the others
		s, leave := wrap(t, e, key), runtime.Goexit
		if mrand.IntN(2) == 0 {
			leave = func() { panic("mine") }
		}
		read := readerFunc(func([]byte) (int, error) { leave(); return 0, nil })
		return func() {
			_, err := s.Sign(read, digest(crypto.SHA256), &rsa.PSSOptions{Hash: crypto.SHA256})
			if _, ok := err.(*engine.PanicError); !ok {
				t.Error("a panic or an exit:", err)
			}
		}, shared
	case 3:
		s := wrap(t, e, key).(crypto.Decrypter)
		return func() { wantDecrypts(t, key, s) }, alone
	case 4:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s := wrap(t, e, key)
		return func() {
			d := digest(crypto.SHA256)
			if sig, err := s.Sign(rand.Reader, d, crypto.SHA256); err != nil || !ecdsa.VerifyASN1(&key.PublicKey, d, sig) {
				t.Error("P-256:", err)
			}
		}, alone
	case 5:
		s := wrap(t, e, key)
		return func() {
			if _, err := s.Sign(nil, nil, crypto.SHA256); err == nil {
				t.Error("signed nothing")
			}
		}, shared
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
		inOneBatch(t, e, 4, good, bad, signs(t, s, key, true), good)
		inOneBatch(t, e, 2, bad, bad)
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
	inOneBatch(t, e, 3, good, func() {
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
	inOneBatch(t, e, 3, func() {
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
