package engine_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

func ecdhKey(t *testing.T, curve ecdh.Curve) *ecdh.PrivateKey {
	t.Helper()
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// An exchanger agrees on the secrets that its key agrees on, with the key's errors.
func TestKeyExchanger(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	for _, curve := range []ecdh.Curve{ecdh.X25519(), ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		key, peer := ecdhKey(t, curve), ecdhKey(t, curve).PublicKey()
		x, err := e.KeyExchanger(key)
		if err != nil {
			t.Fatal(err)
		}
		want, err := key.ECDH(peer)
		if err != nil {
			t.Fatal(err)
		}
		var _ ecdh.KeyExchanger = x
		for _, x := range []engine.KeyExchanger{x, x.WithContext(t.Context())} {
			if x.Curve() != curve || !x.PublicKey().Equal(key.PublicKey()) {
				t.Errorf("%v: another key", curve)
			}
			if got, err := x.ECDH(peer); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v: %x, %v", curve, got, err)
			}
			for _, wrong := range []*ecdh.PublicKey{nil, {}, ecdhKey(t, otherCurve(curve)).PublicKey()} {
				if got, err := x.ECDH(wrong); got != nil || err == nil {
					t.Errorf("%v: agreed with another curve: %x", curve, got)
				}
			}
		}
		for range 2 {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}
		if got, err := x.WithContext(t.Context()).ECDH(peer); got != nil || err != engine.ErrClosed {
			t.Error(got, err)
		}
	}
	zero, err := ecdh.X25519().NewPublicKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.KeyExchanger(ecdhKey(t, ecdh.X25519()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := x.ECDH(zero); got != nil || err == nil {
		t.Errorf("agreed on %x with a point of small order", got)
	}
	for _, key := range []*ecdh.PrivateKey{nil, {}} {
		if _, err := e.KeyExchanger(key); err == nil {
			t.Error("nil key")
		}
		if err := (&engine.ECDHOp{Key: key, Peer: zero}).Run(); err == nil {
			t.Error("nil key")
		}
	}
}

func otherCurve(c ecdh.Curve) ecdh.Curve {
	if c == ecdh.P256() {
		return ecdh.X25519()
	}
	return ecdh.P256()
}

// In a job a key agreement pauses the job, and its end is the job's.
func TestKeyExchangerInAJob(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	key, peer := ecdhKey(t, ecdh.X25519()), ecdhKey(t, ecdh.X25519()).PublicKey()
	x, err := m.KeyExchanger(key)
	if err != nil {
		t.Fatal(err)
	}
	s.listen()
	var got []byte
	start := func() {
		s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) (err error) {
			got, err = x.WithContext(jobContext(j)).ECDH(peer)
			return err
		})
		s.want(t, async.Paused, nil)
	}
	start()
	(<-m.taken).Run()
	<-s.wakes
	s.resume()
	s.want(t, async.Finished, nil)
	if want, err := key.ECDH(peer); err != nil || !bytes.Equal(got, want) {
		t.Error(got, err)
	}
	got = nil
	start()
	r := <-m.taken
	s.job.Cancel()
	r.Run()
	if op := r.Op().(*engine.ECDHOp); got != nil || !bytes.Equal(op.Secret, make([]byte, 32)) {
		t.Errorf("a secret that nobody wants is left: %x, %x", got, op.Secret)
	}
}

func TestGenerateKey(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	peer := ecdhKey(t, ecdh.P256())
	x, err := e.GenerateKey(t.Context(), ecdh.P256())
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.ECDH(peer.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if want, err := peer.ECDH(x.PublicKey()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %x, %v", got, want, err)
	}
	if x, err := e.GenerateKey(t.Context(), nil); x != nil || err == nil {
		t.Error("nil curve")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if x, err := e.GenerateKey(ctx, ecdh.X25519()); x != nil || err != context.Canceled {
		t.Error(x, err)
	}
}

// generator is an engine whose handler generates keys itself and agrees with what it has prepared.
type generator struct {
	*engine.Engine
	private  []byte
	wiped    atomic.Int32
	standard atomic.Bool // leave key agreements to the standard library
	gate     chan struct{}
}

func newGenerator(t *testing.T) *generator {
	g := &generator{gate: make(chan struct{})}
	var err error
	g.Engine, err = engine.New(engine.Config{Name: "generator", Workers: 1, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			switch op := r.Op().(type) {
			case *engine.GenerateKeyOp:
				key, err := op.Curve.GenerateKey(rand.Reader)
				if err == nil {
					g.private = key.Bytes()
					op.Private, op.Public, op.Prepared = g.private, key.PublicKey(), key
					op.WipePrepared = func() { g.wiped.Add(1) }
				}
				<-g.gate
				r.Complete(err)
			case *engine.ECDHOp:
				<-g.gate
				if g.standard.Load() {
					r.Run()
					continue
				}
				var err error
				op.Secret, err = op.Prepared.(*ecdh.PrivateKey).ECDH(op.Peer)
				r.Complete(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// A key that the handler has generated is used as it is, by the handler and by Run, and is wiped
// when the last operation with it has ended.
func TestGeneratedKeyIsTheHandlers(t *testing.T) {
	g := newGenerator(t)
	close(g.gate)
	x, err := g.GenerateKey(t.Context(), ecdh.X25519())
	if err != nil {
		t.Fatal(err)
	}
	if x.Curve() != ecdh.X25519() {
		t.Error(x.Curve())
	}
	peer := ecdhKey(t, ecdh.X25519())
	for _, standard := range []bool{false, true} {
		g.standard.Store(standard)
		got, err := x.ECDH(peer.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		if want, err := peer.ECDH(x.PublicKey()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%x, %x, %v", got, want, err)
		}
	}
	g.gate = make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := x.ECDH(peer.PublicKey())
		done <- err
	}()
	for g.Stats().InFlight == 0 {
		runtime.Gosched()
	}
	x.Close()
	if g.wiped.Load() != 0 {
		t.Error("wiped under an operation")
	}
	close(g.gate)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if g.wiped.Load() != 1 || !bytes.Equal(g.private, make([]byte, 32)) {
		t.Errorf("wiped %d times: %x", g.wiped.Load(), g.private)
	}
}

// A generated key that nobody gets is wiped, and so is one that is dropped.
func TestGeneratedKeyThatIsLost(t *testing.T) {
	g := newGenerator(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := g.GenerateKey(ctx, ecdh.X25519())
		done <- err
	}()
	for g.Stats().InFlight == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err != context.Canceled {
		t.Error(err)
	}
	close(g.gate)
	for g.Stats().InFlight > 0 || g.wiped.Load() == 0 {
		runtime.Gosched()
	}
	if !bytes.Equal(g.private, make([]byte, 32)) {
		t.Errorf("left behind: %x", g.private)
	}
	if _, err := g.GenerateKey(t.Context(), ecdh.X25519()); err != nil {
		t.Fatal(err)
	}
	collectUntil(t, func() bool { return g.wiped.Load() == 2 })
}

// A handler that completes the operation without a key gets an error to its caller.
func TestGenerateKeyWithoutResult(t *testing.T) {
	m := newManual(t, 8)
	go func() { (<-m.taken).Complete(nil) }()
	if x, err := m.GenerateKey(t.Context(), ecdh.X25519()); x != nil || err == nil {
		t.Error(x, err)
	}
}

// Prepare sees the keys of key exchangers, the generated ones too, and its result comes with each
// operation.
func TestPrepareForKeyExchangers(t *testing.T) {
	refused := errors.New("refused")
	var seen crypto.PrivateKey
	taken := make(chan any, 1)
	e, err := engine.New(engine.Config{
		Name: "prepares",
		Handler: func(batch []*engine.Request) {
			if op, ok := batch[0].Op().(*engine.ECDHOp); ok {
				taken <- op.Prepared
			}
			batch[0].Run()
		},
		Prepare: func(key crypto.PrivateKey) (any, func(), error) {
			if key.(*ecdh.PrivateKey).Curve() == ecdh.P521() {
				return nil, nil, refused
			}
			seen = key
			return "prepared", nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	key := ecdhKey(t, ecdh.P384())
	wrapped, err := e.KeyExchanger(key)
	if err != nil || seen != key {
		t.Fatal(seen, err)
	}
	generated, err := e.GenerateKey(t.Context(), ecdh.P384())
	if err != nil || !seen.(*ecdh.PrivateKey).PublicKey().Equal(generated.PublicKey()) {
		t.Fatal(seen, err)
	}
	for _, x := range []engine.KeyExchanger{wrapped, generated} {
		if _, err := x.ECDH(key.PublicKey()); err != nil || <-taken != "prepared" {
			t.Error(err)
		}
	}
	if x, err := e.GenerateKey(t.Context(), ecdh.P521()); x != nil || !errors.Is(err, refused) {
		t.Error(x, err)
	}
}
