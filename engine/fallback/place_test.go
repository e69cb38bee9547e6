package fallback_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
)

var (
	ecKey = sync.OnceValue(func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
)

// place is an engine that stands for an HSM: it may be unplugged, hang, or take its time.
type place struct {
	*engine.Engine

	mu    sync.Mutex
	state state
	delay time.Duration
	err   error  // of every operation, in the state refuses
	asked int    // operations that came to the place
	other []bool // which of them have a fallback
	ops   []engine.Op
	hung  []*engine.Request
}

type state int

const (
	works state = iota
	dead
	hangs
	refuses
	lies // signs wrongly
)

var errUnplugged = fmt.Errorf("%w: it is unplugged", engine.ErrUnavailable)

func newPlace(t *testing.T) *place {
	t.Helper()
	p := new(place)
	var err error
	p.Engine, err = engine.New(engine.Config{Name: "place", Workers: 1, Depth: 1000, Handler: p.handle})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.set(dead)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *place) handle(batch []*engine.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range batch {
		p.asked++
		p.other = append(p.other, engine.HasFallback(r.Context()))
		p.ops = append(p.ops, r.Op())
		switch p.state {
		case dead:
			r.Complete(errUnplugged)
		case hangs:
			p.hung = append(p.hung, r)
		case refuses:
			r.Complete(p.err)
		case lies:
			r.Op().(*engine.SignOp).Signature = []byte("signature")
			r.Complete(nil)
		default:
			time.AfterFunc(p.delay, r.Run)
		}
	}
}

// set changes the state of the place. Operations that hang end with the state.
func (p *place) set(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	for _, r := range p.hung {
		if s == works {
			r.Run()
		} else {
			r.Complete(errUnplugged)
		}
	}
	p.hung = nil
}

// count returns how many operations have come to the place, probes too.
func (p *place) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *place) signer(t *testing.T, key crypto.Signer) engine.Signer {
	t.Helper()
	s, err := p.Engine.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// member returns a member of the place, of a key on P-256.
func (p *place) member(t *testing.T, name string, timeout time.Duration) fallback.Member {
	t.Helper()
	return fallback.Member{Name: name, Signer: p.signer(t, ecKey()), Timeout: timeout}
}

func newChain(t *testing.T, members ...fallback.Member) fallback.Signer {
	t.Helper()
	s, err := fallback.New(fallback.Options{}, members...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var digest = sha256.Sum256([]byte("message"))

// sign signs with s, whose key is ecKey, and verifies the signature.
func sign(s crypto.Signer) error {
	d := digest
	sig, err := s.Sign(rand.Reader, d[:], crypto.SHA256)
	if err == nil && !ecdsa.VerifyASN1(&ecKey().PublicKey, digest[:], sig) {
		return errors.New("the signature is wrong")
	}
	return err
}

// wantSign signs with s and tells how long it took.
func wantSign(t *testing.T, s crypto.Signer, want time.Duration) {
	t.Helper()
	began := time.Now() // in a bubble
	if err := sign(s); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d != want {
		t.Errorf("the signature took %v, not %v", d, want)
	}
}

// inJob runs f in a job and returns how often the job paused.
func inJob(t *testing.T, ctx context.Context, f func(ctx context.Context) error) (pauses int, err error) {
	t.Helper()
	pool, err := async.NewPool(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	woken := make(chan struct{}, 1)
	var w async.WaitCtx
	defer w.Close()
	w.SetCallback(func(any) { woken <- struct{}{} }, nil)
	job, outcome, err := pool.Start(&w, func(j async.Job) error { return f(async.NewContext(ctx, j)) })
	for outcome == async.Paused {
		pauses++
		<-woken
		outcome, err = job.Resume()
	}
	return pauses, err
}

// wantStats compares the figures of every member.
func wantStats(t *testing.T, s interface{ Stats() []fallback.MemberStats }, want ...fallback.MemberStats) {
	t.Helper()
	for i, got := range s.Stats() {
		if got != want[i] {
			t.Errorf("member %d: %+v, not %+v", i, got, want[i])
		}
	}
}
