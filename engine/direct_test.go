package engine_test

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/internal/gid"
)

// newDirect returns an engine whose operations run on their callers' goroutines where that may
// be.
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

// An operation that is run directly runs on the caller's own goroutine, and only where that was
// asked for.
func TestDirectRunsOnTheCaller(t *testing.T) {
	caller := gid.Get()
	ran := func(e *engine.Engine) bool {
		t.Helper()
		var op where
		if err := e.Do(context.Background(), &op); err != nil {
			t.Fatal(err)
		}
		return op.g == caller
	}
	e := newDirect(t, engine.Config{Workers: 1})
	if !ran(e) {
		t.Error("an idle engine changed goroutines")
	}
	if st := e.Stats(); st.Submitted != 1 || st.Completed != 1 || st.BatchSizes[0] != 1 {
		t.Errorf("%+v", st)
	}
	plain := newManual(t, 8) // not Direct
	go func() { (<-plain.taken).Run() }()
	if ran(plain.Engine) {
		t.Error("direct without having been asked")
	}
	if runtime.GOOS == "linux" && ran(newDirect(t, engine.Config{Workers: 1, Nice: 1})) {
		t.Error("an operation of a nice engine ran at the caller's priority")
	}
}

// together are the options that give an operation a kind in the engines of TestDirectTable.
var together = &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 9}

func kindByOptions(op engine.Op) int {
	switch o := op.(type) {
	case *engine.SignOp:
		if opts, ok := o.Opts.(*rsa.PSSOptions); ok && *opts == *together {
			return 1
		}
	case *engine.VerifyOp:
		if opts, ok := o.Opts.(*rsa.PSSOptions); ok && *opts == *together {
			return 1
		}
	}
	return 0
}

// TestDirectTable holds the engine to each row of the table at Config.Direct.
func TestDirectTable(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	type do func(ctx context.Context, e *engine.Engine) error
	sign := func(key crypto.Signer, random io.Reader, opts crypto.SignerOpts) do {
		return func(ctx context.Context, e *engine.Engine) error {
			s, err := e.Signer(key)
			if err != nil {
				return err
			}
			_, err = s.WithContext(ctx).Sign(random, make([]byte, 32), opts)
			return err
		}
	}
	op := func(op engine.Op) do {
		return func(ctx context.Context, e *engine.Engine) error { return e.Do(ctx, op) }
	}
	verify := func(opts *rsa.PSSOptions) do {
		sig, err := rsaKey().Sign(rand.Reader, make([]byte, 32), opts)
		if err != nil {
			t.Fatal(err)
		}
		return op(&engine.VerifyOp{Key: rsaKey().Public(), Digest: make([]byte, 32), Signature: sig, Opts: opts})
	}
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &rsaKey().PublicKey, []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	long := make([]byte, 64<<10+1)
	longSig := ed25519.Sign(ed, long)
	type row [2][2]bool // by job and context: whether the caller's goroutine runs the operation
	always, short, plain := row{{true, true}, {true, true}}, row{{true, true}, {}}, row{{true, false}, {}}
	for _, tt := range []struct {
		name string
		do   do
		want row
	}{
		{"of a kind, RSA", sign(rsaKey(), rand.Reader, together), plain},
		{"of a kind, P-256", sign(p256, rand.Reader, together), short},
		{"of a kind, verification", verify(together), short},
		{"verification", verify(&rsa.PSSOptions{Hash: crypto.SHA256}), always},
		{"key generation", op(&engine.GenerateKeyOp{Curve: ecdh.X25519()}), always},
		{"P-256", sign(p256, rand.Reader, crypto.SHA256), always},
		{"P-384", sign(p384, rand.Reader, crypto.SHA256), always},
		{"P-256, deterministic", sign(p256, nil, crypto.SHA256), always},
		{"Ed25519", sign(ed, nil, crypto.Hash(0)), always},
		{"Ed25519, a message of 64 KB", op(&engine.SignOp{Key: ed, Digest: long[1:], Opts: crypto.Hash(0)}), always},
		{"Ed25519, a longer message", op(&engine.SignOp{Key: ed, Digest: long, Opts: crypto.Hash(0)}), plain},
		{"verification of a longer message", op(&engine.VerifyOp{Key: ed.Public(), Digest: long, Signature: longSig, Opts: crypto.Hash(0)}), plain},
		{"X25519", op(&engine.ECDHOp{Key: x25519, Peer: x25519.PublicKey()}), always},
		{"P-256, own reader", sign(p256, ownReader{}, crypto.SHA256), plain},
		{"Ed25519, own reader", sign(ed, ownReader{}, crypto.Hash(0)), plain},
		{"RSA", sign(rsaKey(), nil, crypto.SHA256), plain},
		{"RSA-PSS", sign(rsaKey(), rand.Reader, &rsa.PSSOptions{Hash: crypto.SHA256}), plain},
		{"RSA decryption", op(&engine.DecryptOp{Key: rsaKey(), Ciphertext: box, Opts: &rsa.OAEPOptions{Hash: crypto.SHA256}}), plain},
		{"curve of another type of key", sign(struct{ crypto.Signer }{p256}, nil, crypto.SHA256), plain},
		{"function", op(engine.Func(func() error { return nil })), plain},
	} {
		for inJob, byContext := range tt.want {
			for canEnd, want := range byContext {
				handled := 0
				e := newDirect(t, engine.Config{
					Workers: 1, MaxBatch: 2,
					Kind:  kindByOptions,
					Kinds: []string{"alone", "together"},
					Handler: func(batch []*engine.Request) {
						for _, r := range batch {
							handled++
							r.Run()
						}
					},
				})
				ctx, cancel := context.Background(), func() {}
				if canEnd == 1 {
					ctx, cancel = context.WithCancel(ctx)
				}
				if inJob == 0 {
					err = tt.do(ctx, e)
				} else {
					err = doInJob(t, ctx, e, tt.do)
				}
				cancel()
				if direct := handled == 0; err != nil || direct != want {
					t.Errorf("%s; in a job: %v; context can end: %v: %v; on the caller: %v, want %v",
						tt.name, inJob == 1, canEnd == 1, err, direct, want)
				}
			}
		}
	}
}

// ownReader is a source of random bytes that is not crypto/rand's.
type ownReader struct{}

func (ownReader) Read(p []byte) (int, error) { return rand.Read(p) }

// doInJob calls do in a job, resumes the job until it ends, and returns its error.
func doInJob(t *testing.T, ctx context.Context, e *engine.Engine, do func(context.Context, *engine.Engine) error) error {
	t.Helper()
	s := newSession(t)
	s.listen()
	s.job, s.out, s.err = newPool(t).Start(&s.WaitCtx, func(j async.Job) error {
		return do(async.NewContext(ctx, j), e)
	})
	for s.out == async.Paused {
		<-s.wakes
		s.resume()
	}
	return s.err
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

// A direct operation takes the turn of a worker, and nothing overtakes the operations that wait
// for it to end.
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
	e := newDirect(t, engine.Config{Workers: 1})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := e.Signer(key)
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
