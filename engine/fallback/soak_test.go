package fallback_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
)

// Places come and go under many callers of two keys, which give up and close as they like. Every
// operation ends, in a valid signature or in an error that says why. When the places work again all
// come back.
func TestSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := []*place{newPlace(t), newPlace(t)}
		breakers := []*fallback.Breaker{new(fallback.Breaker), new(fallback.Breaker)}
		newChain := func(key crypto.Signer) fallback.Signer {
			var members []fallback.Member
			for i, name := range []string{"first", "second"} {
				members = append(members, fallback.Member{Name: name, Signer: places[i].signer(t, key), Timeout: timeout, Breaker: breakers[i]})
			}
			s, err := fallback.New(fallback.Options{}, members...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		verified := func(sig []byte, err error) error {
			if err == nil && rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, digest[:], sig) != nil {
				t.Error("the signature is wrong")
			}
			return err
		}
		ec, rs := newChain(ecKey()), newChain(rsaKey())
		var callers sync.WaitGroup
		var mu sync.Mutex
		ends := map[string]int{}
		for range 50 {
			callers.Go(func() {
				for range 20 {
					time.Sleep(mathrand.N(500 * time.Millisecond))
					ctx, cancel := context.WithTimeout(t.Context(), mathrand.N(4*timeout))
					var err error
					switch mathrand.N(4) {
					case 0:
						err = verified(rs.WithContext(ctx).Sign(rand.Reader, digest[:], crypto.SHA256))
					case 1:
						_, err = inJob(t, ctx, func(ctx context.Context) error { return sign(ec.WithContext(ctx)) })
					case 2:
						short := newChain(ecKey())
						time.AfterFunc(mathrand.N(timeout), func() { short.Close() })
						err = sign(short.WithContext(ctx))
						time.Sleep(timeout)
					default:
						err = sign(ec)
					}
					cancel()
					end := "signed"
					switch {
					case err == nil:
					case errors.Is(err, engine.ErrUnavailable):
						end = "unavailable"
					case err == context.DeadlineExceeded:
						end = "deadline"
					case err == engine.ErrClosed:
						end = "closed"
					default:
						t.Error(err)
					}
					mu.Lock()
					ends[end]++
					mu.Unlock()
				}
			})
		}
		done := make(chan struct{})
		go func() { callers.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			case <-time.After(mathrand.N(time.Second)):
				p := places[mathrand.N(2)]
				p.set([]state{works, works, dead, hangs}[mathrand.N(4)])
			}
		}
		t.Log(ends)
		if ends["signed"] == 0 {
			t.Error("nothing was signed")
		}
		for _, p := range places {
			p.set(works)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for _, s := range []fallback.Signer{ec, rs} {
			for _, st := range s.Stats() {
				if st.State != fallback.Closed || st.Operations < st.Failures+st.Timeouts {
					t.Errorf("%+v", st)
				}
			}
			s.Close()
		}
	})
}
