package engine_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/internal/gid"
)

// newDirect returns an engine whose operations run on their callers' goroutines where that may be.
func newDirect(t *testing.T, c engine.Config) *engine.Engine {
	t.Helper()
	c.Name, c.Direct = "direct", true
	if c.Handler == nil {
		c.Handler = func(batch []*engine.Request) {
			for _, r := range batch {
				r.Run()
			}
		}
	}
	e, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		checkSum(t, e.Stats())
	})
	return e
}

// where is an operation that tells which goroutine it ran on.
type where struct{ g uintptr }

func (w *where) Run() error { w.g = gid.Get(); return nil }

func TestDirect(t *testing.T) {
	here := gid.Get()
	ran := func(e *engine.Engine, ctx context.Context) bool {
		t.Helper()
		var op where
		if err := e.Do(ctx, &op); err != nil {
			t.Fatal(err)
		}
		return op.g == here
	}
	e := newDirect(t, engine.Config{Workers: 1})
	if !ran(e, context.Background()) {
		t.Error("an idle engine changed goroutines")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if ran(e, ctx) {
		t.Error("a call that can be given up holds its goroutine")
	}
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := e.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	var signed uintptr
	if _, err := signer.WithContext(ctx).Sign(nil, nil, spy{crypto.Hash(0), &signed}); err != nil || signed != here {
		t.Error("a signature that is over at once changed goroutines:", err)
	}
	plain := newManual(t, 8) // not Direct
	go func() { (<-plain.taken).Run() }()
	if ran(plain.Engine, context.Background()) {
		t.Error("direct without having been asked")
	}
	if runtime.GOOS == "linux" && ran(newDirect(t, engine.Config{Workers: 1, Nice: 1}), context.Background()) {
		t.Error("an operation of a nice engine ran at the caller's priority")
	}
	if st := e.Stats(); st.Submitted != 3 || st.Completed != 3 || st.BatchSizes[0] != 3 {
		t.Errorf("%+v", st)
	}
}

// What the handler does better is left to it.
func TestDirectNotForPrepared(t *testing.T) {
	handled := 0
	e := newDirect(t, engine.Config{
		Workers: 1,
		Prepare: func(crypto.PrivateKey) (any, func(), error) { return "prepared", nil, nil },
		Handler: func(batch []*engine.Request) {
			for _, r := range batch {
				if op, ok := r.Op().(*engine.SignOp); ok && op.Prepared == "prepared" {
					handled++
				}
				r.Run()
			}
		},
	})
	s, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	if _, err := s.Sign(nil, digest[:], crypto.SHA256); err != nil || handled != 1 {
		t.Error(err, "handled:", handled)
	}
	wantDecrypts(t, s.(crypto.Decrypter))
	if handled != 1 {
		t.Error("a decryption has something prepared")
	}
}

// spy is a hash that tells which goroutine asks for it, as keys do when they sign without random bytes.
type spy struct {
	crypto.Hash
	g *uintptr
}

func (s spy) HashFunc() crypto.Hash { *s.g = gid.Get(); return s.Hash }

// In a job a pause lets other work go on, unless there is but one processor, or the operation is over before that gains
// anything.
func TestDirectInJobs(t *testing.T) {
	key := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	p256 := key(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384 := key(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	pool := newPool(t)
	for _, procs := range []int{1, 2} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		e := newDirect(t, engine.Config{Workers: 2}) // one may not be back yet from the operation before
		for _, tt := range []struct {
			name string
			key  crypto.Signer
			hash crypto.Hash
			here bool // also with several processors
		}{
			{"RSA", rsaKey(), crypto.SHA256, false},
			{"P-384", p384, crypto.SHA256, true},
			{"P-256", p256, crypto.SHA256, true},
			{"Ed25519", ed, crypto.Hash(0), true},
		} {
			signer, err := e.Signer(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			s := newSession(t)
			s.listen()
			var job, sign, other uintptr
			s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
				job = gid.Get()
				digest := make([]byte, 32)
				if _, err := signer.WithContext(jobContext(j)).Sign(nil, digest, spy{tt.hash, &sign}); err != nil {
					return err
				}
				var w where // may wait for something, as far as the engine knows
				err := e.Do(jobContext(j), &w)
				other = w.g
				return err
			})
			for s.out == async.Paused {
				<-s.wakes
				s.resume()
			}
			s.want(t, async.Finished, nil)
			if want := tt.here || procs == 1; (sign == job) != want {
				t.Errorf("%s with %d processors signs on the job's goroutine: %v", tt.name, procs, !want)
			}
			if other == job {
				t.Errorf("with %d processors, any operation runs on the job's goroutine", procs)
			}
		}
	}
}

// However an operation is run, no more are under way than there are workers.
func TestDirectIsBounded(t *testing.T) {
	for _, workers := range []int{1, 2, 3} {
		e := newDirect(t, engine.Config{Workers: workers, MaxBatch: 2, Depth: 5})
		var under, most atomic.Int64
		op := engine.Func(func() error {
			n := under.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			runtime.Gosched()
			under.Add(-1)
			return nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				ctx := ctx // half of them by the workers
				if i%2 == 0 {
					ctx = context.Background()
				}
				for range 300 {
					if err := e.Do(ctx, op); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		st := e.Stats()
		if most.Load() > int64(workers) || st.Completed != 8*300 || st.InFlight+st.Queued+st.Waiting != 0 {
			t.Errorf("%d workers: %d at once, %+v", workers, most.Load(), st)
		}
	}
}

// hold runs an operation on a goroutine of its own that goes on until the result is called.
func hold(t *testing.T, e *engine.Engine) (release func() error) {
	t.Helper()
	entered, gate, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- e.Do(context.Background(), engine.Func(func() error { close(entered); <-gate; return nil }))
	}()
	<-entered
	return func() error { close(gate); return <-done }
}

// A direct operation has a worker's place, and nobody overtakes those who wait for it.
func TestDirectHoldsAPlace(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 1, Depth: 2})
	release := hold(t, e)
	var order []int
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			e.Do(context.Background(), engine.Func(func() error { order = append(order, i); return nil }))
		})
		for {
			if st := e.Stats(); st.Queued+st.Waiting == i+1 {
				break
			}
			runtime.Gosched()
		}
	}
	if st := e.Stats(); st.InFlight != 1 || st.Queued != 1 || st.Waiting != 3 {
		t.Errorf("%+v", st)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	for i, x := range order {
		if i != x {
			t.Fatal("out of turn:", order)
		}
	}
}

// An operation inside a direct one runs in its place: there may be no other.
func TestDirectInsideDirect(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 1, Depth: 1})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, ctx := range []context.Context{context.Background(), ctx} {
		err := e.Do(context.Background(), engine.Func(func() error {
			return e.Do(ctx, engine.Func(func() error { return errOp }))
		}))
		if err != errOp {
			t.Error(err)
		}
	}
}

// submitting is a hash that, when it is asked for, runs an operation.
type submitting struct {
	ctx context.Context
	e   *engine.Engine
	ran *bool
}

func (s submitting) HashFunc() crypto.Hash {
	s.e.Do(s.ctx, engine.Func(func() error { *s.ran = true; return nil }))
	return crypto.SHA256
}

func TestOperationInsideDirectInAJob(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	e := newDirect(t, engine.Config{Workers: 1})
	signer, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	pool, s := newPool(t), newSession(t)
	s.listen()
	digest := sha256.Sum256(nil)
	ran := false
	s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
		ctx := jobContext(j)
		_, err := signer.WithContext(ctx).Sign(nil, digest[:], submitting{ctx, e, &ran})
		return err
	})
	s.want(t, async.Finished, nil)
	if !ran {
		t.Error("the operation inside did not run")
	}
}
