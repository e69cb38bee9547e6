package remote_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// Two key servers, of which one dies, or stops, or both are restarted one after the other. No
// signature fails.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(t *testing.T, a, b *node)
		worst time.Duration
	}{
		"nothing": {func(*testing.T, *node, *node) {}, 20 * time.Millisecond},
		"killed":  {func(_ *testing.T, a, _ *node) { a.kill() }, 20 * time.Millisecond},
		"stopped": {func(_ *testing.T, a, _ *node) { a.stop() }, 40 * time.Millisecond},
		"stopped for a while": {func(_ *testing.T, a, _ *node) {
			a.stop()
			time.Sleep(time.Second)
			a.goOn()
		}, 40 * time.Millisecond},
		"rolling restart": {func(t *testing.T, a, b *node) {
			for _, n := range []*node{a, b} {
				n.kill()
				time.Sleep(time.Second)
				n.start(t)
				time.Sleep(2 * time.Second)
			}
		}, 40 * time.Millisecond},
		"both restarted": {func(t *testing.T, a, b *node) {
			a.kill()
			b.kill()
			time.Sleep(400 * time.Millisecond)
			a.start(t)
			b.start(t)
		}, 1200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []string{"a", "b"}, func(t *testing.T, f *fleet) {
				s := signerOf(t, f.engine(t), "ecdsa")
				var wg sync.WaitGroup
				wg.Go(func() {
					time.Sleep(time.Second)
					tt.fault(t, f.nodes["a"], f.nodes["b"])
				})
				worst, n := load(t, s, 8, 10*time.Second)
				wg.Wait()
				if worst > tt.worst || n < 1000 {
					t.Errorf("%d signatures, the longest took %v", n, worst)
				}
			})
		})
	}
}

// A chain of a remote key and another place of it, while the key servers are away. No operation
// fails or waits, and when they are back they sign again.
func TestChain(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		e := f.engine(t)
		chain, err := fallback.New(fallback.Options{},
			fallback.Member{Name: "remote", Signer: signerOf(t, e, "ecdsa"), Timeout: 100 * time.Millisecond},
			fallback.Member{Name: "file", Signer: ecdsaKey})
		if err != nil {
			t.Fatal(err)
		}
		defer chain.Close()
		signed := func(i int) uint64 { m := chain.Stats()[i]; return m.Operations - m.Failures - m.Timeouts }
		use := func(by int) {
			t.Helper()
			before, began := signed(by), time.Now()
			if err := sign(chain); err != nil {
				t.Fatal(err)
			}
			if signed(by) != before+1 || time.Since(began) > time.Millisecond {
				t.Errorf("after %v: %+v", time.Since(began), chain.Stats())
			}
		}
		use(0)
		f.nodes["a"].kill()
		synctest.Wait()
		for range 5 {
			use(1)
		}
		if s := chain.Stats()[0]; s.State != fallback.Open || s.Timeouts > 0 {
			t.Errorf("%+v", s)
		}
		f.nodes["a"].start(t)
		time.Sleep(time.Minute)
		use(0)

		// A server that no longer has the key is no better than one that is away.
		n := f.nodes["a"]
		n.kill()
		n.keys = map[string]crypto.Signer{"rsa": rsaKey}
		n.start(t)
		time.Sleep(time.Minute)
		use(1)
	})
}

// Nobody waits for nodes that are away if there is a fallback, and otherwise as long as documented.
func TestAway(t *testing.T) {
	inBubble(t, []string{"a", "b"}, func(t *testing.T, f *fleet) {
		for _, n := range f.nodes {
			n.kill()
		}
		e := f.engine(t)
		s := signerOf(t, e, "rsa") // a start while all nodes are away
		away := func(ctx context.Context, want time.Duration) {
			t.Helper()
			began := time.Now()
			err := sign(s.WithContext(ctx))
			if took := time.Since(began); !errors.Is(err, engine.ErrUnavailable) || took != want {
				t.Errorf("after %v, want %v: %v", took, want, err)
			}
			contains(t, err, "no node is up", errAway.Error())
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		synctest.Wait()
		away(engine.WithFallback(context.Background()), 0)
		away(engine.WithFallback(ctx), 0)
		away(context.Background(), time.Second)
		away(ctx, 3980*time.Millisecond)
		if _, err := e.Signer(engine.WithFallback(context.Background()), "rsa"); !errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
		if _, err := e.Keys(engine.WithFallback(context.Background())); !errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
		for _, h := range e.Nodes() {
			if h.Up || !errors.Is(h.LastError, errAway) {
				t.Errorf("%+v", h)
			}
		}
		f.nodes["b"].start(t)
		if err := sign(s); err != nil {
			t.Error(err)
		}
	})
}

// A deadline ends an operation, and the operation's place in the engine is free again.
func TestDeadlines(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		e := f.engine(t, func(c *remote.Config) { c.Depth, c.Timeout = 4, 300*time.Millisecond })
		s := signerOf(t, e, "rsa")
		if err := sign(s); err != nil {
			t.Fatal(err)
		}
		f.nodes["a"].stop()
		for _, tt := range []struct{ own, want time.Duration }{{0, 300 * time.Millisecond}, {100 * time.Millisecond, 100 * time.Millisecond}} {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					ctx := context.Background()
					if tt.own > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, tt.own)
						defer cancel()
					}
					began := time.Now()
					if err := sign(s.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != tt.want {
						t.Errorf("after %v, want %v: %v", time.Since(began), tt.want, err)
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			if st := e.Engine().Stats(); st.InFlight+st.Queued+st.Waiting != 0 {
				t.Errorf("%+v", st)
			}
			if st := e.Stats(); st.InFlight != 0 {
				t.Errorf("%+v", st)
			}
		}
	})
}

// liar is a connection to a node that signs with another key, or changes its signatures.
type liar struct {
	pool.Conn
	lies func() bool
	pool.Handler
}

func (l *liar) Answers(answers []wire.Answer) {
	for i := range answers {
		if len(answers[i].Data) > 0 && l.lies() {
			answers[i].Data = bytes.Clone(answers[i].Data)
			answers[i].Data[len(answers[i].Data)-1] ^= 1
		}
	}
	l.Handler.Answers(answers)
}

// A wrong signature is never given. The node is not asked for the key again.
func TestWrongSignatures(t *testing.T) {
	for _, all := range []bool{false, true} {
		inBubble(t, []string{"a", "b"}, func(t *testing.T, f *fleet) {
			var mu sync.Mutex
			lies := false
			dial := func(ctx context.Context, node, addr string, h pool.Handler) (pool.Conn, error) {
				if addr == "a" {
					h = &liar{Handler: h, lies: func() bool { mu.Lock(); defer mu.Unlock(); return lies }}
				}
				return f.dial(ctx, node, addr, h)
			}
			var log testwait.Log
			e := newEngine(t, remote.Config{Nodes: []string{"a", "b"}, Depth: 100, Timeout: time.Second, VerifyAll: all, Logger: log.Logger()}, dial)
			s := signerOf(t, e, "ed25519")
			message := []byte("a message")
			use := func(n int) {
				t.Helper()
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() {
						sig, err := s.Sign(nil, message, crypto.Hash(0))
						if err != nil {
							t.Error(err)
						}
						op := engine.VerifyOp{Key: s.Public(), Digest: message, Signature: sig, Opts: crypto.Hash(0)}
						if err := op.Run(); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
			set := func(b bool) { mu.Lock(); lies = b; mu.Unlock() }
			time.Sleep(time.Second)
			if all { // the node lies once it is trusted
				use(50)
			}
			set(true)
			use(50)
			st := e.Stats()
			wrong := st.Nodes[0].Wrong
			if k := st.Keys[0]; wrong == 0 || k.Rejected != wrong || k.Failed != 0 {
				t.Errorf("%+v", st)
			}
			if !strings.Contains(log.String(), "wrong answer") {
				t.Errorf("the log has no word of it: %s", log.String())
			}
			use(50)
			if n := e.Stats().Nodes[0].Wrong; n != wrong {
				t.Errorf("asked again: %d wrong signatures, and then %d", wrong, n)
			}
			// Verified is every signature, or the first of each connection and those on the way with it.
			if k := e.Stats().Keys[0]; all != (k.Verified == k.Signed) {
				t.Errorf("%+v", k)
			}
		})
	}
}

// Jobs pause until a node answers. No goroutine waits for them.
func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, "a")
		e := f.engine(t)
		p, err := async.NewPool(100, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ready := make(chan int, 100)
		jobs := make([]async.Job, 100)
		sessions := make([]*async.WaitCtx, 100)
		f.nodes["a"].stop()
		for i := range jobs {
			sessions[i] = async.NewWaitCtx()
			defer sessions[i].Close()
			sessions[i].SetCallback(func(any) { ready <- i }, nil)
			var outcome async.Outcome
			jobs[i], outcome, err = p.Start(sessions[i], func(j async.Job) error {
				s, err := e.Signer(async.NewContext(context.Background(), j), "rsa")
				if err != nil {
					return err
				}
				return sign(s.WithContext(async.NewContext(context.Background(), j)))
			})
			if outcome != async.Paused || err != nil {
				t.Fatal(outcome, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		f.nodes["a"].goOn()
		for left := len(jobs); left > 0; {
			switch outcome, err := jobs[<-ready].Resume(); {
			case err != nil:
				t.Fatal(err)
			case outcome == async.Finished:
				left--
			}
		}
	})
}

// Close ends everything at any moment, and a callback cannot wait for itself.
func TestClose(t *testing.T) {
	for _, after := range []time.Duration{0, time.Microsecond, time.Millisecond, 700 * time.Millisecond} {
		inBubble(t, []string{"a", "b"}, func(t *testing.T, f *fleet) {
			e := f.engine(t)
			s := signerOf(t, e, "ecdsa")
			f.nodes["a"].stop()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for {
						if err := sign(s); err != nil {
							if !errors.Is(err, engine.ErrClosed) {
								t.Error(err)
							}
							return
						}
						time.Sleep(5 * time.Millisecond) // time goes on when nobody works
					}
				})
			}
			time.Sleep(after)
			for range 2 {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			}
			wg.Wait()
			if _, err := e.Signer(context.Background(), "rsa"); !errors.Is(err, engine.ErrClosed) {
				t.Error(err)
			}
		})
	}
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		e := f.engine(t)
		p, err := async.NewPool(1, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		w := async.NewWaitCtx()
		defer w.Close()
		result := make(chan error, 1)
		w.SetCallback(func(any) { result <- e.Close() }, nil)
		s := signerOf(t, e, "ecdsa")
		job, _, err := p.Start(w, func(j async.Job) error { return sign(s.WithContext(async.NewContext(context.Background(), j))) })
		if err != nil {
			t.Fatal(err)
		}
		contains(t, <-result, "another goroutine")
		if outcome, err := job.Resume(); outcome != async.Finished || err != nil {
			t.Error(outcome, err)
		}
	})
}

// Shutdown lets operations end.
func TestShutdown(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		e := f.engine(t)
		s := signerOf(t, e, "ecdsa")
		if err := sign(s); err != nil {
			t.Fatal(err)
		}
		f.nodes["a"].stop()
		done := make(chan error, 1)
		go func() { _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); done <- err }()
		synctest.Wait()
		time.AfterFunc(200*time.Millisecond, f.nodes["a"].goOn)
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		e := f.engine(t)
		s := signerOf(t, e, "ecdsa")
		f.nodes["a"].stop()
		done := make(chan error, 1)
		go func() { done <- sign(s) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, engine.ErrClosed) {
			t.Error(err)
		}
	})
}
