package engine_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

func newWorkers(t *testing.T, o workers.Options) *engine.Engine {
	t.Helper()
	e, err := workers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		checkSum(t, e.Stats())
	})
	return e
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// A key that panics for nil options returns an error, when it is wrapped. A key that does not
// panic is asked.
func TestSignWithoutOptions(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	nilOptions := []crypto.SignerOpts{nil, (*rsa.PSSOptions)(nil), (*ed25519.Options)(nil)}
	for kind, key := range map[string]crypto.Signer{"an RSA": rsaKey(), "an Ed25519": ed25519Key(t)} {
		s, err := e.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, opts := range nilOptions {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s key does not panic for %T", kind, opts)
					}
				}()
				key.Sign(rand.Reader, make([]byte, 32), opts)
			}()
			what := "options"
			if opts != nil {
				what = fmt.Sprintf("%T", opts)
			}
			want := "engine: sign with " + kind + " key: the " + what + " are nil; use "
			if sig, err := s.Sign(rand.Reader, make([]byte, 32), opts); sig != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s, %T: %x, %v, want %q", kind, opts, sig, err, want)
			}
		}
		s.Close()
		if _, err := s.Sign(rand.Reader, nil, nil); err != engine.ErrClosed {
			t.Error(err)
		}
	}
	for _, opts := range nilOptions {
		s, err := e.Signer(foreign{rsaKey().Public(), func(_ []byte, got crypto.SignerOpts) ([]byte, error) {
			if got != opts {
				t.Errorf("given %T, want %T", got, opts)
			}
			return []byte("signature"), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sign(rand.Reader, nil, opts); err != nil {
			t.Error(err)
		}
	}
}

// Keys of every kind, by their methods.
type (
	signerOnly  struct{ crypto.Signer }
	messageKey  struct{ crypto.Signer }
	everything  struct{ *rsa.PrivateKey }
	decryptOnly struct{ key *rsa.PrivateKey }
)

func (k messageKey) SignMessage(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	return append([]byte("signed "), msg...), nil
}
func (k everything) SignMessage(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	return append([]byte("signed "), msg...), nil
}
func (k decryptOnly) Public() crypto.PublicKey { return k.key.Public() }
func (k decryptOnly) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return k.key.Decrypt(r, msg, opts)
}

// A wrapped key has exactly the methods of the key, bound to a context too.
func TestSignerKinds(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	for name, c := range map[string]struct {
		key               crypto.Signer
		message, decrypts bool
	}{
		"signer":    {signerOnly{rsaKey()}, false, false},
		"message":   {messageKey{rsaKey()}, true, false},
		"decrypter": {rsaKey(), false, true},
		"both":      {everything{rsaKey()}, true, true},
	} {
		s, err := e.Signer(c.key)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []crypto.Signer{s, s.WithContext(t.Context())} {
			m, message := s.(crypto.MessageSigner)
			d, decrypts := s.(crypto.Decrypter)
			if message != c.message || decrypts != c.decrypts {
				t.Errorf("%s: signs messages: %v, decrypts: %v", name, message, decrypts)
			}
			if !rsaKey().PublicKey.Equal(s.Public()) {
				t.Errorf("%s: another public key", name)
			}
			digest := sha256.Sum256([]byte(name))
			sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err == nil {
				err = rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, digest[:], sig)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if message {
				if sig, err := m.SignMessage(nil, []byte("msg"), crypto.Hash(0)); err != nil || string(sig) != "signed msg" {
					t.Errorf("%s: %q, %v", name, sig, err)
				}
			}
			if decrypts {
				wantDecrypts(t, d)
			}
		}
	}
}

func wantDecrypts(t *testing.T, d crypto.Decrypter) {
	t.Helper()
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &rsaKey().PublicKey, []byte("hello"), []byte("label"))
	if err != nil {
		t.Fatal(err)
	}
	opts := &rsa.OAEPOptions{Hash: crypto.SHA256, Label: []byte("label")}
	if text, err := d.Decrypt(nil, box, opts); err != nil || string(text) != "hello" {
		t.Errorf("decrypted %q, %v", text, err)
	}
}

func TestDecrypter(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	d, err := e.Decrypter(decryptOnly{rsaKey()})
	if err != nil {
		t.Fatal(err)
	}
	wantDecrypts(t, d)
	wantDecrypts(t, d.WithContext(t.Context()))
	if !rsaKey().PublicKey.Equal(d.Public()) {
		t.Error("another public key")
	}
	if d.Close(); true {
		if _, err := d.WithContext(t.Context()).Decrypt(nil, nil, nil); err != engine.ErrClosed {
			t.Error(err)
		}
	}
}

// Errors are the key's own, unchanged.
func TestKeyErrorsComeThrough(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	s, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	_, want := rsaKey().Sign(rand.Reader, []byte("short"), crypto.SHA256)
	if _, err := s.Sign(rand.Reader, []byte("short"), crypto.SHA256); want == nil || err.Error() != want.Error() {
		t.Errorf("got %v, want %v", err, want)
	}
	if _, err := s.(crypto.Decrypter).Decrypt(nil, make([]byte, 256), &rsa.OAEPOptions{Hash: crypto.SHA256}); err != rsa.ErrDecryption {
		t.Error(err)
	}
}

func TestSignerRefusals(t *testing.T) {
	e, other := newWorkers(t, workers.Options{}), newWorkers(t, workers.Options{})
	if _, err := e.Signer(nil); err == nil {
		t.Error("wrapped no key")
	}
	if _, err := e.Decrypter(nil); err == nil {
		t.Error("wrapped no key")
	}
	s, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Signer(s); err == nil {
		t.Error("wrapped twice")
	}
	if _, err := e.Signer(s.WithContext(t.Context())); err == nil {
		t.Error("wrapped twice")
	}
	if _, err := other.Signer(s); err != nil {
		t.Error("an engine over another:", err)
	}
	bound := s.WithContext(t.Context())
	s.Close()
	for _, s := range []crypto.Signer{s, bound} {
		if _, err := s.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); err != engine.ErrClosed {
			t.Error("closed signer:", err)
		}
	}
}

// Bound to a job the signer pauses it; the plain one blocks, in a job too.
func TestBoundAndUnbound(t *testing.T) {
	e := newWorkers(t, workers.Options{Workers: 1})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	go e.Do(context.Background(), engine.Func(func() error { <-gate; return nil })) // holds the worker
	for e.Stats().InFlight == 0 {
		time.Sleep(time.Microsecond)
	}
	pool, w := newPool(t), newSession(t)
	w.listen()
	digest := sha256.Sum256(nil)
	var sig []byte
	w.job, w.out, w.err = pool.Start(&w.WaitCtx, func(j async.Job) (err error) {
		if sig, err = s.WithContext(jobContext(j)).Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			return err
		}
		_, err = s.Sign(rand.Reader, digest[:], crypto.SHA256) // without a pause, or the job would not be Finished
		return err
	})
	w.want(t, async.Paused, nil)
	close(gate)
	<-w.wakes
	w.resume()
	w.want(t, async.Finished, nil)
	if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
		t.Error("bad signature")
	}
}

// The goroutines that a job starts can't pause it; with the job's context they block.
func TestGoroutineOfAJobBlocks(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	s, err := e.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	pool, w := newPool(t), newSession(t)
	w.job, w.out, w.err = pool.Start(&w.WaitCtx, func(j async.Job) error {
		errs := make(chan error)
		for range 4 {
			go func() {
				_, err := s.WithContext(jobContext(j)).Sign(nil, []byte("msg"), crypto.Hash(0))
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				return err
			}
		}
		return nil
	})
	w.want(t, async.Finished, nil)
}

// A caller may reuse its input as soon as an abandoned call has returned.
func TestInputIsCopied(t *testing.T) {
	m := newManual(t, 8)
	s, err := m.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	digest := sha256.Sum256([]byte("message"))
	opts := &rsa.PSSOptions{SaltLength: 20, Hash: crypto.SHA256}
	returned := make(chan error)
	go func() {
		_, err := s.WithContext(ctx).Sign(rand.Reader, digest[:], opts)
		clear(digest[:])
		*opts = rsa.PSSOptions{}
		returned <- err
	}()
	r := <-m.taken
	cancel()
	if err := <-returned; err != context.Canceled {
		t.Error(err)
	}
	op := r.Op().(*engine.SignOp)
	want := sha256.Sum256([]byte("message"))
	if string(op.Digest) != string(want[:]) || op.Opts.(*rsa.PSSOptions).SaltLength != 20 {
		t.Error("the operation sees what its caller did after it had returned")
	}
	r.Run()
	if string(op.Digest) != string(make([]byte, 32)) {
		t.Error("the digest was not wiped")
	}
}

// The key gets what the caller gave, however long; Ed25519's digest is the message.
func TestInputOfAnyLength(t *testing.T) {
	m := newManual(t, 8)
	s, err := m.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range [][]byte{nil, {}, {1}, bytes.Repeat([]byte{2}, 63), bytes.Repeat([]byte{3}, 64), bytes.Repeat([]byte{4}, 65)} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Sign(rand.Reader, digest, crypto.Hash(0))
		}()
		r := <-m.taken
		got := r.Op().(*engine.SignOp).Digest
		if !bytes.Equal(got, digest) || (got == nil) != (digest == nil) || len(got) > 0 && &got[0] == &digest[0] {
			t.Errorf("%v became %v", digest, got)
		}
		r.Complete(nil)
		<-done
	}
}

// A signer serves wherever a crypto.Signer does.
func TestSignerInX509(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	s, err := e.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.Public(), s)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Error(err)
	}
}
