package engine_test

import (
	"crypto"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/gid"
)

// whereKey notes which goroutine signs.
type whereKey struct {
	crypto.Signer
	g   *uintptr
	err error
}

func (k whereKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	*k.g = gid.Get()
	return digest, k.err
}

// TestTrySign signs on the goroutine of the caller if the engine is idle, with nice workers too, and
// does nothing otherwise.
func TestTrySign(t *testing.T) {
	try := func(s crypto.Signer) ([]byte, bool, error) {
		return engine.TrySign(s, rand.Reader, []byte("digest"), crypto.SHA256)
	}
	var g uintptr
	nice := 0
	if runtime.GOOS == "linux" {
		nice = 1
	}
	e := newDirect(t, engine.Config{Workers: 1, Nice: nice})
	s, err := e.Signer(whereKey{rsaKey(), &g, nil})
	if err != nil {
		t.Fatal(err)
	}
	if sig, done, err := try(s); string(sig) != "digest" || !done || err != nil || g != gid.Get() {
		t.Errorf("an idle engine: %q, %v, %v, on the caller's goroutine: %v", sig, done, err, g == gid.Get())
	}
	if st := e.Stats(); st.Submitted != 1 || st.Completed != 1 {
		t.Errorf("%+v", st)
	}
	fails, err := e.Signer(whereKey{rsaKey(), &g, errors.ErrUnsupported})
	if err != nil {
		t.Fatal(err)
	}
	if sig, done, err := try(fails); sig != nil || !done || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a key that fails: %q, %v, %v", sig, done, err)
	}

	plain := newManual(t, 8) // not Direct
	other, err := plain.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	closed, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, s := range map[string]crypto.Signer{"a plain key": rsaKey(), "an engine that is not Direct": other, "a closed signer": closed} {
		if sig, done, err := try(s); sig != nil || done || err != nil {
			t.Errorf("%s: %q, %v, %v", name, sig, done, err)
		}
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
