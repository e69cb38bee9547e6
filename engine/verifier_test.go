package engine_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// newVerifier returns a verifier of e with a valid and an invalid signature of its key.
func newVerifier(t *testing.T, e *engine.Engine) (v engine.Verifier, message, valid, invalid []byte) {
	t.Helper()
	key := ed25519Key(t)
	v, err := e.Verifier(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	message = []byte("message")
	return v, message, ed25519.Sign(key, message), make([]byte, ed25519.SignatureSize)
}

// wantNotVerified checks an error that says nothing about the signature.
func wantNotVerified(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || errors.Is(err, engine.ErrVerification) {
		t.Errorf("%v, want %v", err, want)
	}
}

// The end of a context, of the job, of the verifier and of the engine are no verdict, whatever the
// signature is; and a verdict is none of those.
func TestNoVerdict(t *testing.T) {
	for _, good := range []bool{true, false} {
		m := newManual(t, 8)
		v, message, sig, invalid := newVerifier(t, m.Engine)
		verdict := error(nil)
		if !good {
			sig, verdict = invalid, engine.ErrVerification
		}
		verify := func(ctx context.Context) error { return v.WithContext(ctx).Verify(message, sig, crypto.Hash(0)) }

		// A context that has ended before, and one that ends meanwhile.
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- verify(ctx) }()
		r := <-m.taken
		cancel()
		wantNotVerified(t, <-done, context.Canceled)
		r.Run()
		wantNotVerified(t, verify(ctx), context.Canceled)

		// A job that is cancelled, before and after its operation has ended.
		for _, late := range []bool{false, true} {
			pool, s := newPool(t), newSession(t)
			s.listen()
			got := make(chan error, 1)
			s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
				got <- verify(jobContext(j))
				return nil
			})
			s.want(t, async.Paused, nil)
			r := <-m.taken
			if late {
				r.Run()
			}
			s.job.Cancel()
			r.Run()
			wantNotVerified(t, <-got, async.ErrCanceled)
		}

		// A verdict, for a goroutine and a job.
		go func() { done <- verify(t.Context()) }()
		(<-m.taken).Run()
		if err := <-done; err != verdict {
			t.Error(err)
		}
		pool, s := newPool(t), newSession(t)
		s.listen()
		s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error { return verify(jobContext(j)) })
		(<-m.taken).Run()
		<-s.wakes
		s.resume()
		s.want(t, async.Finished, verdict)

		// A panic.
		go func() { done <- verify(t.Context()) }()
		r = <-m.taken
		r.Op().(*engine.VerifyOp).Opts = panickingOpts{}
		r.Run()
		var p *engine.PanicError
		if err := <-done; !errors.As(err, &p) || errors.Is(err, engine.ErrVerification) {
			t.Error(err)
		}

		// A shutdown that gives up, an engine that is closed, and a verifier that is closed.
		other, _, _, _ := newVerifier(t, m.Engine)
		other.Close()
		wantNotVerified(t, other.WithContext(t.Context()).Verify(message, sig, crypto.Hash(0)), engine.ErrClosed)
		go func() { done <- verify(t.Context()) }()
		r = <-m.taken
		m.Shutdown(ctx)
		wantNotVerified(t, <-done, engine.ErrClosed)
		r.Run()
		wantNotVerified(t, verify(t.Context()), engine.ErrClosed)
		for range 2 {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		}
		wantNotVerified(t, verify(t.Context()), engine.ErrClosed)
		if w, err := m.Verifier(v.Public()); err != nil {
			t.Error(err)
		} else {
			wantNotVerified(t, w.Verify(message, sig, crypto.Hash(0)), engine.ErrClosed)
		}
	}
}

type panickingOpts struct{}

func (panickingOpts) HashFunc() crypto.Hash { panic("options") }

// PreparePublic sees the engine's own copy of the key, and its result comes with each operation.
func TestPreparePublic(t *testing.T) {
	refused := errors.New("refused")
	var seen ed25519.PublicKey
	e := newDirect(t, engine.Config{
		Workers: 1,
		PreparePublic: func(key crypto.PublicKey) (any, error) {
			pub, ok := key.(ed25519.PublicKey)
			if !ok {
				return nil, refused
			}
			seen = pub
			return "prepared", nil
		},
		Alone: func(op engine.Op) error {
			if op.(*engine.VerifyOp).Prepared != "prepared" {
				t.Error("nothing prepared")
			}
			return op.Run()
		},
	})
	v, message, valid, invalid := newVerifier(t, e)
	if &seen[0] != &v.Public().(ed25519.PublicKey)[0] {
		t.Error("prepared another copy of the key")
	}
	if err := v.Verify(message, valid, crypto.Hash(0)); err != nil {
		t.Error(err)
	}
	if err := v.Verify(message, invalid, crypto.Hash(0)); err != engine.ErrVerification {
		t.Error(err)
	}
	if v, err := e.Verifier(rsaKey().Public()); v != nil || !errors.Is(err, refused) || errors.Is(err, engine.ErrVerification) {
		t.Error(v, err)
	}
}
