package fallback_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
)

const timeout = 100 * time.Millisecond

// A place that is dead costs no time. After three failures it is not asked.
func TestDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", timeout))
		wantSign(t, s, 0)
		first.set(dead)
		for range 10 {
			wantSign(t, s, 0)
		}
		wantStats(t, s,
			fallback.MemberStats{Name: "first", Operations: 4, Failures: 3, Skipped: 7, State: fallback.Open, Opened: 1},
			fallback.MemberStats{Name: "second", Operations: 10})
	})
}

// Every member but the last learns that there is another one, with and without a Timeout, and also
// the members of a chain in the chain. A probe learns nothing of the kind.
func TestHasFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c, d := newPlace(t), newPlace(t), newPlace(t), newPlace(t)
		inner := newChain(t, a.member(t, "a", 0), b.member(t, "b", timeout))
		s := newChain(t, fallback.Member{Name: "inner", Signer: inner}, c.member(t, "c", timeout), d.member(t, "d", timeout))
		wantOther := func(p *place, want ...bool) {
			t.Helper()
			p.mu.Lock()
			defer p.mu.Unlock()
			if !slices.Equal(p.other, want) {
				t.Errorf("%v, want %v", p.other, want)
			}
			p.other = nil
		}
		a.set(dead)
		b.set(dead)
		c.set(dead)
		for _, s := range []crypto.Signer{s, s.WithContext(t.Context())} {
			wantSign(t, s, 0)
			for _, p := range []*place{a, b, c} {
				wantOther(p, true)
			}
			wantOther(d, false)
		}
		wantSign(t, s, 0) // opens the breakers
		wantOther(c, true)
		time.Sleep(time.Second)
		synctest.Wait()
		wantOther(c, false)
	})
}

// A place that hangs costs its Timeout until the breaker opens, and nothing after that.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", 0))
		first.set(hangs)
		for range 3 {
			wantSign(t, s, timeout)
		}
		for range 10 {
			wantSign(t, s, 0)
		}
		wantStats(t, s,
			fallback.MemberStats{Name: "first", Operations: 3, Timeouts: 3, Skipped: 10, State: fallback.Open, Opened: 1},
			fallback.MemberStats{Name: "second", Operations: 13})
	})
}

// An answer within the Timeout is an answer, and each answer begins the row anew.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", 0))
		for range 5 {
			for range 2 {
				first.set(dead)
				wantSign(t, s, 0)
			}
			first.delay = timeout - 1
			first.set(works)
			wantSign(t, s, timeout-1)
		}
		wantStats(t, s, fallback.MemberStats{Name: "first", Operations: 15, Failures: 10}, fallback.MemberStats{Name: "second", Operations: 10})
	})
}

// In a job each member pauses the job, and the job's goroutine is free meanwhile.
func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, third := newPlace(t), newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", timeout), third.member(t, "third", timeout))
		first.set(hangs)
		second.set(dead)
		third.delay = timeout / 2
		began := time.Now()
		pauses, err := inJob(t, t.Context(), func(ctx context.Context) error { return sign(s.WithContext(ctx)) })
		if pauses != 3 || err != nil || time.Since(began) != timeout*3/2 {
			t.Errorf("%d pauses, %v, after %v", pauses, err, time.Since(began))
		}
		pauses, err = inJob(t, t.Context(), func(context.Context) error { return sign(s) })
		if pauses != 0 || err != nil {
			t.Errorf("not bound: %d pauses, %v", pauses, err)
		}
	})
}

// The caller's own deadline and cancellation end the operation, and do not count against a member.
func TestCallersContext(t *testing.T) {
	for name, runs := range map[string]func(*testing.T, context.Context, crypto.Signer) error{
		"goroutine": func(t *testing.T, ctx context.Context, s crypto.Signer) error {
			return sign(s.(engine.Signer).WithContext(ctx))
		},
		"job": func(t *testing.T, ctx context.Context, s crypto.Signer) error {
			_, err := inJob(t, ctx, func(ctx context.Context) error { return sign(s.(engine.Signer).WithContext(ctx)) })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := newPlace(t), newPlace(t)
				s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", 0))
				first.set(hangs)
				for range 5 {
					ctx, cancel := context.WithTimeout(t.Context(), timeout/2)
					if err := runs(t, ctx, s); err != context.DeadlineExceeded {
						t.Error(err)
					}
					cancel()
					ctx, cancel = context.WithCancel(t.Context())
					time.AfterFunc(timeout/2, cancel)
					if err := runs(t, ctx, s); err != context.Canceled {
						t.Error(err)
					}
					if err := runs(t, ctx, s); err != context.Canceled {
						t.Error("over before:", err)
					}
				}
				wantStats(t, s, fallback.MemberStats{Name: "first", Operations: 10}, fallback.MemberStats{Name: "second"})
				if n := second.count(); n != 0 {
					t.Error("the second member was asked", n, "times")
				}
			})
		})
	}
}

// The end of the caller's time after the first attempt's ends the operation at the second member.
func TestCallersDeadlineAtTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", timeout))
		first.set(hangs)
		second.set(hangs)
		ctx, cancel := context.WithTimeout(t.Context(), timeout*3/2)
		defer cancel()
		began := time.Now()
		if err := sign(s.WithContext(ctx)); err != context.DeadlineExceeded || time.Since(began) != timeout*3/2 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		wantStats(t, s, fallback.MemberStats{Name: "first", Operations: 1, Timeouts: 1}, fallback.MemberStats{Name: "second", Operations: 1})
	})
}

// A cancelled job asks no other member.
func TestCanceledJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", 0))
		first.set(hangs)
		pool, err := async.NewPool(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		for _, again := range []bool{false, true} { // the second call in a cancelled job unwinds it
			var w async.WaitCtx
			returned := false
			var signErr error
			job, outcome, err := pool.Start(&w, func(j async.Job) error {
				bound := s.WithContext(async.NewContext(t.Context(), j))
				signErr = sign(bound)
				if again {
					sign(bound)
				}
				returned = true
				return nil
			})
			if outcome != async.Paused {
				t.Fatal(outcome, err)
			}
			if err := job.Cancel(); err != nil {
				t.Error(err)
			}
			if signErr != async.ErrCanceled || returned == again {
				t.Errorf("%v, returned: %v", signErr, returned)
			}
			w.Close()
		}
		if st := s.Stats(); st[0].Failures+st[0].Timeouts != 0 || second.count() != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Errors of the caller's making come through unchanged, and no other member is asked.
func TestCallersErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, fallback.Member{Name: "first", Signer: first.signer(t, rsaKey())},
			fallback.Member{Name: "second", Signer: second.signer(t, rsaKey())})
		_, want := rsaKey().Sign(rand.Reader, []byte("short"), crypto.SHA256)
		for range 5 {
			if _, err := s.Sign(rand.Reader, []byte("short"), crypto.SHA256); err == nil || err.Error() != want.Error() {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		if _, err := s.Sign(rand.Reader, digest[:], nil); err == nil || errors.Is(err, engine.ErrUnavailable) {
			t.Error("no options:", err)
		}
		// Such an error is an answer too: the row of failures ends.
		for range 5 {
			for range 2 {
				first.set(dead)
				s.Sign(rand.Reader, digest[:], crypto.SHA256)
			}
			first.set(works)
			s.Sign(rand.Reader, []byte("short"), crypto.SHA256)
		}
		wantStats(t, s, fallback.MemberStats{Name: "first", Operations: 21, Failures: 10}, fallback.MemberStats{Name: "second", Operations: 10})
	})
}

// A member that its owner has closed is a mistake of the program's, not an unavailable place.
func TestClosedMember(t *testing.T) {
	first := newPlace(t)
	m := first.member(t, "first", timeout)
	s := newChain(t, m, fallback.Member{Name: "file", Signer: ecKey()})
	m.Signer.(engine.Signer).Close()
	for range 5 {
		if err := sign(s); err != engine.ErrClosed {
			t.Error(err)
		}
	}
	wantStats(t, s, fallback.MemberStats{Name: "first", Operations: 5}, fallback.MemberStats{Name: "file"})
}

// When all fail the error names each member. The last is asked however often it has failed, and
// counts as closed again when it answers.
func TestAllFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, third := newPlace(t), newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", timeout), third.member(t, "third", 0))
		first.set(dead)
		second.set(hangs)
		third.set(dead)
		for i := range 5 {
			err := sign(s)
			want := "fallback: no member could do it: first: the key is unavailable: it is unplugged; " +
				"second: the key is unavailable: no answer within 100ms; third: the key is unavailable: it is unplugged"
			if i >= 3 {
				want = strings.NewReplacer("first: ", "first: passed over, its breaker is open: ",
					"second: ", "second: passed over, its breaker is open: ").Replace(want)
			}
			if err == nil || err.Error() != want || !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, errUnplugged) {
				t.Errorf("%v", err)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("an attempt's time-out looks like the caller's")
			}
		}
		wantStats(t, s,
			fallback.MemberStats{Name: "first", Operations: 3, Failures: 3, Skipped: 2, State: fallback.Open, Opened: 1},
			fallback.MemberStats{Name: "second", Operations: 3, Timeouts: 3, Skipped: 2, State: fallback.Open, Opened: 1},
			fallback.MemberStats{Name: "third", Operations: 5, Failures: 5, State: fallback.Open, Opened: 1})
		third.set(works)
		wantSign(t, s, 0)
		if st := s.Stats()[2]; st.State != fallback.Closed {
			t.Errorf("%+v", st)
		}
	})
}

// An attempt that has been given up goes on with a copy of the input, and its signature is dropped.
func TestInputIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace(t), newPlace(t)
		s := newChain(t, first.member(t, "first", timeout), second.member(t, "second", 0))
		first.set(hangs)
		d := bytes.Clone(digest[:])
		sig, err := s.Sign(rand.Reader, d, crypto.SHA256)
		if err != nil || !ecdsa.VerifyASN1(&ecKey().PublicKey, digest[:], sig) {
			t.Fatal(err)
		}
		clear(d)
		op := first.ops[0].(*engine.SignOp)
		if !bytes.Equal(op.Digest, digest[:]) {
			t.Error("the attempt sees what its caller did after it had returned")
		}
		first.set(works)
		synctest.Wait()
		if !bytes.Equal(op.Digest, make([]byte, 32)) {
			t.Error("the digest was not wiped")
		}
	})
}

// reader is a random reader for one goroutine, as the race detector notices.
type reader struct{ reads int }

func (r *reader) Read(p []byte) (int, error) {
	r.reads++
	return len(p), nil
}

// The caller's random reader serves one member at a time: an attempt that has been given up gets an
// error from it.
func TestReaderIsShared(t *testing.T) {
	r := new(reader)
	late := make(chan error)
	given := make(chan io.Reader, 1)
	first := readingKey{ecKey(), func(ctx context.Context, r io.Reader) error {
		io.ReadFull(r, make([]byte, 32))
		<-ctx.Done()
		given <- r
		go func() {
			for {
				if _, err := r.Read(make([]byte, 1)); err != nil {
					late <- err
					return
				}
			}
		}()
		return ctx.Err()
	}, nil}
	second := readingKey{ecKey(), func(_ context.Context, r io.Reader) error {
		for range 1000 {
			io.ReadFull(r, make([]byte, 32))
		}
		return nil
	}, nil}
	s := newChain(t, fallback.Member{Name: "first", Signer: first, Timeout: time.Microsecond}, fallback.Member{Name: "second", Signer: second})
	if _, err := s.Sign(r, digest[:], crypto.SHA256); err != nil {
		t.Fatal(err)
	}
	if err := <-late; err == nil || !strings.Contains(err.Error(), "given up") {
		t.Error(err)
	}
	if _, err := (<-given).Read(nil); err == nil {
		t.Error("the first member's reader still reads")
	}
	if r.reads < 1001 {
		t.Error(r.reads, "reads")
	}
}

// readingKey does with its reader what it is told, and signs nothing.
type readingKey struct {
	crypto.Signer
	read func(context.Context, io.Reader) error
	ctx  context.Context
}

func (k readingKey) WithContext(ctx context.Context) crypto.Signer { k.ctx = ctx; return k }
func (k readingKey) Sign(r io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, k.read(k.ctx, r)
}

// Engines know the system's reader from any other, so members get it as it is. The caller's own is
// theirs until the call returns.
func TestReaders(t *testing.T) {
	var got io.Reader
	key := readingKey{ecKey(), func(_ context.Context, r io.Reader) error { got = r; return nil }, nil}
	s := newChain(t, fallback.Member{Name: "key", Signer: key})
	for _, r := range []io.Reader{rand.Reader, nil} {
		got = new(reader)
		if s.Sign(r, digest[:], crypto.SHA256); got != r {
			t.Errorf("%T became %T", r, got)
		}
	}
	s.Sign(new(reader), digest[:], crypto.SHA256)
	if _, err := got.Read(make([]byte, 1)); err == nil {
		t.Error("the caller's reader is read after the call has returned")
	}
}

// All three ways to use a chain ask the next member.
func TestEveryOperationFallsOver(t *testing.T) {
	first, second := newPlace(t), newPlace(t)
	s := newChain(t, fallback.Member{Name: "first", Signer: first.signer(t, everything{rsaKey()})},
		fallback.Member{Name: "second", Signer: second.signer(t, everything{rsaKey()})})
	first.set(dead)
	sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil || rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, digest[:], sig) != nil {
		t.Error(err)
	}
	if sig, err := s.(crypto.MessageSigner).SignMessage(nil, []byte("msg"), crypto.Hash(0)); err != nil || string(sig) != "signed msg" {
		t.Error(err)
	}
	wantDecrypts(t, s.(crypto.Decrypter))
	if n := first.count(); n != 3 {
		t.Error("the first member was asked", n, "times")
	}
}
