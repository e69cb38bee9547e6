package engine_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"runtime"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/gid"
)

// TestTrySign signs on the goroutine of the caller if the engine is idle, with nice workers too, and
// does nothing otherwise.
func TestTrySign(t *testing.T) {
	try := func(s crypto.Signer, rand io.Reader) ([]byte, bool, error) {
		return engine.TrySign(s, rand, make([]byte, 32), crypto.SHA256)
	}
	nice := 0
	if runtime.GOOS == "linux" {
		nice = 1
	}
	var g uintptr
	e := newDirect(t, engine.Config{Workers: 1, Nice: nice, Alone: func(op engine.Op) error {
		g = gid.Get()
		return op.Run()
	}})
	wrap := func(e *engine.Engine, key crypto.Signer) engine.Signer {
		t.Helper()
		s, err := e.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := wrap(e, rsaKey())
	sig, done, err := try(s, rand.Reader)
	if !done || err != nil || g != gid.Get() {
		t.Errorf("an idle engine: %v, %v, on the caller's goroutine: %v", done, err, g == gid.Get())
	}
	if err := rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, make([]byte, 32), sig); err != nil {
		t.Error(err)
	}
	if sig, done, err := engine.TrySign(s, rand.Reader, []byte("short"), crypto.SHA256); sig != nil || !done || err == nil {
		t.Errorf("a digest that is too short: %q, %v, %v", sig, done, err)
	}
	if st := e.Stats(); st.Submitted != 2 || st.Completed != 1 || st.Failed != 1 {
		t.Errorf("%+v", st)
	}

	closed := wrap(e, rsaKey())
	_ = closed.Close()
	for name, s := range map[string]crypto.Signer{
		"a plain key":                  rsaKey(),
		"a key that may wait":          wrap(e, struct{ crypto.Signer }{rsaKey()}),
		"an engine that is not Direct": wrap(newManual(t, 8).Engine, rsaKey()),
		"a closed signer":              closed,
		"a key of two engines":         wrap(e, wrap(newManual(t, 8).Engine, rsaKey())),
	} {
		if sig, done, err := try(s, rand.Reader); sig != nil || done || err != nil {
			t.Errorf("%s: %q, %v, %v", name, sig, done, err)
		}
	}
	if sig, done, err := try(s, bytes.NewReader(nil)); sig != nil || done || err != nil {
		t.Errorf("random bytes that may wait: %q, %v, %v", sig, done, err)
	}
}

// A signature that would have to wait for another is not begun.
func TestTrySignBusy(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := newDirect(t, engine.Config{Workers: 1})
	s, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	busy := make(chan error, 1)
	go func() {
		busy <- e.Do(t.Context(), engine.Func(func() error { close(begun); <-end; return nil }))
	}()
	<-begun
	if _, done, err := engine.TrySign(s, rand.Reader, make([]byte, 32), crypto.SHA256); done || err != nil {
		t.Errorf("a busy engine: %v, %v", done, err)
	}
	close(end)
	if err := <-busy; err != nil {
		t.Error(err)
	}
	if st := e.Stats(); st.Submitted != 1 {
		t.Errorf("%+v", st)
	}
}
