package multibuffer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// Every operation gives the standard library's answer, on every engine, for good, wrong and
// malformed input.
func TestOperations(t *testing.T) {
	rounds := 12
	if multibuffer.Thorough {
		rounds = 60
	}
	for name, o := range map[string]multibuffer.Options{"lanes": {}, "compact tables": {CompactTables: true}, "standard": {Standard: true}} {
		t.Run(name, func(t *testing.T) {
			for _, op := range operations() {
				t.Run(op.name, func(t *testing.T) {
					f := op.wrap(t, newEngine(t, o))
					for i := range rounds {
						if err := f(context.Background(), input(min(i%6, 2))); err != nil {
							t.Error(err)
						}
					}
				})
			}
		})
	}
}

// A batch of every size of every operation. From the size on that pays, all its good and wrong
// inputs go through the lanes. A wrong one, in any lane, affects no other.
func TestBatchesOfEveryKind(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			e := newEngine(t, multibuffer.Options{Workers: 1})
			var wrapped [8]func(context.Context, input) error
			for i := range wrapped {
				wrapped[i] = op.wrap(t, e)
			}
			vectorized := int(e.Stats().Vectorized)
			for n := 1; n <= 8; n++ {
				for bad := -1; bad < n; bad++ {
					if n < 8 && bad > 0 {
						break
					}
					var all []func()
					for i := range n {
						f, in := wrapped[i], good
						if i == bad {
							in = wrong
						}
						all = append(all, func() {
							if err := f(context.Background(), in); err != nil {
								t.Error(err)
							}
						})
					}
					inOneBatch(t, e, map[string]int{op.kind: n}, all...)
					if n >= multibuffer.LeastOf(op.kind) {
						if vectorized += n; bad >= 0 && op.kind == "x25519-secret" {
							vectorized-- // a point of low order has no result
						}
					}
				}
			}
			wantVectorized(t, e, vectorized)
		})
	}
}

// Batches of whatever may come together in them, of all kinds, and operations that panic, exit
// their goroutine or are no business of the lanes.
func TestMixedBatches(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 1})
	rounds := 30
	if multibuffer.Thorough {
		rounds = 200
	}
	if testing.Short() {
		rounds = 10
	}
	all := operations()
	for range rounds {
		var fs []func()
		number := map[string]int{}
		for range 1 + rand.IntN(30) {
			switch rand.IntN(12) {
			case 0:
				fs = append(fs, func() {
					ran := false
					if err := e.Do(context.Background(), engine.Func(func() error { ran = true; return nil })); err != nil || !ran {
						t.Error("a function:", err)
					}
				})
			case 1:
				leave := runtime.Goexit // ends the worker's goroutine, which must not affect the others
				if rand.IntN(2) == 0 {
					leave = func() { panic("mine") }
				}
				fs = append(fs, func() {
					err := e.Do(context.Background(), engine.Func(func() error { leave(); return nil }))
					if _, ok := err.(*engine.PanicError); !ok {
						t.Error("a panic or an exit:", err)
					}
				})
			default:
				op := all[rand.IntN(len(all))]
				if number[op.kind] == 8 {
					continue
				}
				number[op.kind]++
				f, in := op.wrap(t, e), input(rand.IntN(3))
				fs = append(fs, func() {
					if err := f(context.Background(), in); err != nil {
						t.Error(op.name, err)
					}
				})
			}
		}
		inOneBatch(t, e, number, fs...)
	}
}

// Long messages share no pass: they would wait for each other on one worker.
func TestLongMessages(t *testing.T) {
	if !lanes() {
		t.Skip("no batches")
	}
	e := newEngine(t, multibuffer.Options{Workers: 1})
	key := newEd25519(t)
	s := wrap(t, e, key)
	v, err := e.Verifier(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var signs, verifies []func()
	for _, size := range []int{64 << 10, 64<<10 + 1, 0} {
		message := make([]byte, size)
		want, err := key.Sign(nil, message, crypto.Hash(0))
		if err != nil {
			t.Fatal(err)
		}
		signs = append(signs, func() {
			if sig, err := s.Sign(nil, message, crypto.Hash(0)); err != nil || !bytes.Equal(sig, want) {
				t.Errorf("%d bytes: %x, %v", size, sig, err)
			}
		})
		verifies = append(verifies, func() {
			if err := v.Verify(message, want, crypto.Hash(0)); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		})
	}
	inOneBatch(t, e, map[string]int{"ed25519-sign": 2}, signs...)
	inOneBatch(t, e, map[string]int{"ed25519-verify": 2}, verifies...)
}

// Operations of all kinds from jobs and goroutines, with contexts that end, signers that are
// closed and an engine that is closed at any moment. An operation has the standard library's answer
// or none.
func TestClosedAndCancelledAtAnyMoment(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	all := operations()
	for round := range rounds {
		e := newEngine(t, multibuffer.Options{Workers: 2, Depth: 20})
		pool, err := async.NewPool(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		ended := func(err error) bool {
			switch {
			case err == nil:
				return false
			case !errors.Is(err, context.Canceled) && !errors.Is(err, engine.ErrClosed):
				t.Error(err)
			}
			return true
		}
		closing := make(chan struct{})
		for i := range 16 {
			op := all[rand.IntN(len(all))]
			f := op.wrap(t, e)
			run := func(ctx context.Context) error {
				for {
					ctx, cancel := context.WithCancel(ctx)
					if rand.IntN(3) == 0 {
						go cancel()
					}
					err := f(ctx, input(rand.IntN(3)))
					cancel()
					if err != nil && !ended(err) || errors.Is(err, engine.ErrClosed) {
						return nil
					}
				}
			}
			if i%2 == 0 {
				wg.Go(func() { run(context.Background()) })
				continue
			}
			wg.Go(func() {
				var w async.WaitCtx
				defer w.Close()
				wakes := make(chan struct{}, 1)
				w.SetCallback(func(any) { wakes <- struct{}{} }, nil)
				job, out, err := pool.Start(&w, func(j async.Job) error {
					return run(async.NewContext(context.Background(), j))
				})
				for ; out == async.Paused; out, err = job.Resume() {
					<-wakes
				}
				if out != async.Finished || err != nil {
					t.Error(out, err)
				}
			})
		}
		wg.Go(func() {
			for e.Stats().Completed < uint64(50*round) {
				runtime.Gosched()
			}
			close(closing)
			e.Close()
		})
		<-closing
		wg.Wait()
		pool.Close()
	}
}

// A generated key is a key of X25519 like any other, on every engine.
func TestGeneratedKeys(t *testing.T) {
	for name, o := range map[string]multibuffer.Options{"lanes": {}, "standard": {Standard: true}} {
		e := newEngine(t, o)
		var last []byte
		for range 20 {
			x, err := e.GenerateKey(t.Context(), ecdh.X25519())
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(x.PublicKey().Bytes(), last) {
				t.Error("the same key twice")
			}
			last = x.PublicKey().Bytes()
			peer := newX25519(t)
			want, err := peer.ECDH(x.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.ECDH(peer.PublicKey()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: got %x, %v; want %x", name, got, err, want)
			}
			low, err := ecdh.X25519().NewPublicKey(make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.ECDH(low); err == nil || got != nil {
				t.Errorf("%s: a point of low order gives %x", name, got)
			}
			x.Close()
			if _, err := x.ECDH(peer.PublicKey()); err != engine.ErrClosed {
				t.Error(name, err)
			}
		}
		other, err := e.GenerateKey(t.Context(), ecdh.P256())
		if err != nil {
			t.Fatal(err)
		}
		peer, err := e.GenerateKey(t.Context(), ecdh.P256())
		if err != nil {
			t.Fatal(err)
		}
		a, err := other.ECDH(peer.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := peer.ECDH(other.PublicKey()); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: P-256: %x and %x, %v", name, a, b, err)
		}
	}
}
