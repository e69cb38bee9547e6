package side

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// faulty is a key in the process that can fail, and sign wrongly.
type faulty struct {
	*ecdsa.PrivateKey
	fails, wrong atomic.Bool
}

func (f *faulty) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	time.Sleep(time.Millisecond)
	if f.fails.Load() {
		return nil, errors.New("no token")
	}
	if f.wrong.Load() {
		digest = make([]byte, len(digest))
	}
	return f.PrivateKey.Sign(rand.Reader, digest, opts)
}

// newSide returns a side with an open key, which can sign in jobs.
func newSide(t *testing.T) (*side, *faulty) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{PrivateKey: key}
	s := &side{ways: Ways{
		"engine": func(Token) (*Key, error) {
			e, err := workers.New(workers.Options{Workers: 4})
			if err != nil {
				return nil, err
			}
			var signer engine.Signer
			if signer, err = e.Signer(f); err != nil {
				return nil, err
			}
			return &Key{Signer: signer, Close: e.Close}, nil
		},
		"none": func(Token) (*Key, error) { return nil, errors.New("no such token") },
	}}
	if _, err := s.do(Order{Do: "open", Way: "engine"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.key.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, f
}

func TestLoad(t *testing.T) {
	for _, jobs := range []bool{false, true} {
		s, f := newSide(t)
		if _, err := s.do(Order{Do: "begin", Load: Load{InFlight: 8, Jobs: jobs}}); err != nil {
			t.Fatal(err)
		}
		a, err := s.do(Order{Do: "measure", Time: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if c := a.Account; c.Done == 0 || c.Time < 100*time.Millisecond || c.P50 <= 0 || c.P99 < c.P50 || c.Threads == 0 || c.PSS == 0 || c.Helpers != 0 ||
			c.Share() <= 0 || c.Share() > 1 {
			t.Errorf("jobs %v: %+v", jobs, c)
		}
		for what, broken := range map[string]*atomic.Bool{"is not valid": &f.wrong, "no token": &f.fails} {
			broken.Store(true)
			if _, err := s.do(Order{Do: "begin", Load: Load{InFlight: 8, Jobs: jobs}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.do(Order{Do: "measure", Time: 10 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("jobs %v: %v, not %q", jobs, err, what)
			}
			broken.Store(false)
		}
	}
}

func TestTurn(t *testing.T) {
	s, f := newSide(t)
	a, err := s.do(Order{Do: "turn", Time: 20 * time.Millisecond})
	if c := a.Account; err != nil || c.Done == 0 || c.Time < 20*time.Millisecond {
		t.Errorf("%+v, %v", c, err)
	}
	f.wrong.Store(true)
	if _, err := s.do(Order{Do: "turn", Time: 20 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "are wrong: a signature is not valid") {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	for _, cured := range []bool{true, false} {
		s, f := newSide(t)
		do := func(o Order) Answer {
			a, err := s.do(o)
			if err != nil {
				t.Fatalf("%s: %v", o.Do, err)
			}
			return a
		}
		do(Order{Do: "watch", Time: 20 * time.Millisecond})
		do(Order{Do: "fault"})
		f.fails.Store(true)
		time.Sleep(20 * time.Millisecond)
		f.fails.Store(!cured)
		do(Order{Do: "cured"})
		limit := 50 * time.Millisecond
		if cured {
			limit = time.Minute
		}
		w := do(Order{Do: "stop", Time: limit}).Watched
		if w.Failed == 0 || w.Err != "no token" || w.Worst < time.Millisecond || w.IsBack != cured || cured && w.Signed == 0 {
			t.Errorf("cured %v: %+v", cured, w)
		}
	}
}

func TestOrders(t *testing.T) {
	s, _ := newSide(t)
	for _, c := range []struct {
		o         Order
		complaint string
	}{
		{Order{Do: "dance"}, `no order "dance"`},
		{Order{Do: "open", Way: "air"}, `no way "air"`},
		{Order{Do: "open", Way: "none"}, "none: no such token"},
		{Order{Do: "measure"}, "no load has begun"},
		{Order{Do: "stop"}, "nothing is watched"},
		{Order{Do: "begin"}, "a load of no operation"},
	} {
		if _, err := s.do(c.o); err == nil || !strings.Contains(err.Error(), c.complaint) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	if _, err := new(side).do(Order{Do: "turn"}); err == nil || !strings.Contains(err.Error(), "no key is open") {
		t.Error(err)
	}
}
