package engine_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// gated is a source of random bytes that waits for its channel to be closed.
type gated chan struct{}

func (g gated) Read(p []byte) (int, error) { <-g; return rand.Read(p) }

// The goroutine that drives the jobs may be the one that a source of random bytes waits for, so
// Start returns while the source waits.
func TestReaderThatWaitsInAJob(t *testing.T) {
	if fips140.Enabled() {
		t.Skip("FIPS 140 adds entropy of its own to the reader's, and has none in a bubble, where no time passes")
	}
	synctest.Test(t, func(t *testing.T) { // in which a Start that waits is a deadlock, and fails at once
		e := newDirect(t, engine.Config{Workers: 1})
		signer, err := e.Signer(rsaKey())
		if err != nil {
			t.Fatal(err)
		}
		pool, s := newPool(t), newSession(t)
		s.listen()
		gate := make(gated)
		s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
			_, err := signer.WithContext(jobContext(j)).Sign(gate, make([]byte, 32), &rsa.PSSOptions{Hash: crypto.SHA256})
			return err
		})
		close(gate)
		for s.out == async.Paused {
			<-s.wakes
			s.resume()
		}
		s.want(t, async.Finished, nil)
	})
}

// Where ECDSA is made to read the caller's source of random bytes, it may wait for longer than
// its context lasts.
func TestReaderThatWaitsAndDeadline(t *testing.T) {
	const setting = "cryptocustomrand=1"
	if !strings.Contains(os.Getenv("GODEBUG"), setting) {
		self, err := os.Executable()
		if err != nil {
			t.Skip(err)
		}
		cmd := exec.Command(self, "-test.run=^TestReaderThatWaitsAndDeadline$")
		cmd.Env = append(os.Environ(), "GODEBUG="+setting)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	synctest.Test(t, func(t *testing.T) {
		e := newDirect(t, engine.Config{Workers: 1})
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := e.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		gate := make(gated)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = signer.WithContext(ctx).Sign(gate, make([]byte, 32), crypto.SHA256)
		if err != context.DeadlineExceeded {
			t.Error(err)
		}
		close(gate)
	})
}

// No operation is an error, in whatever way it is none.
func TestNilOperation(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 1})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, ctx := range []context.Context{context.Background(), ctx} {
		for _, op := range []engine.Op{nil, (*engine.SignOp)(nil), (*engine.SignMessageOp)(nil), (*engine.DecryptOp)(nil), (*engine.ECDHOp)(nil),
			(*engine.VerifyOp)(nil), (*engine.GenerateKeyOp)(nil)} {
			if err := e.Do(ctx, op); err == nil || !strings.Contains(err.Error(), "no operation") {
				t.Error(err)
			}
		}
	}
}
