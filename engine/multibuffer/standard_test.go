package multibuffer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"os"
	"os/exec"
	"strings"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

func wantDecrypts(t *testing.T, key *rsa.PrivateKey, d crypto.Decrypter) {
	t.Helper()
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := d.Decrypt(nil, box, &rsa.OAEPOptions{Hash: crypto.SHA256}); err != nil || string(text) != "hello" {
		t.Errorf("OAEP: %q, %v", text, err)
	}
}

// The standard library does everything that the kernels cannot, and the statistics say so.
func TestStandardLibraryDoesTheRest(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	d := digest(crypto.SHA256)
	std := func(name string, key *rsa.PrivateKey) {
		t.Helper()
		if err := key.Validate(); err != nil {
			t.Fatal(name, err)
		}
		s := wrap(t, e, key)
		want, err := key.Sign(nil, d, crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Sign(nil, d, crypto.SHA256); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v; want %x", name, got, err, want)
		}
		sig, err := s.Sign(rand.Reader, d, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 8})
		if err != nil || rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, d, sig, nil) != nil {
			t.Errorf("%s: PSS: %v", name, err)
		}
	}
	sizes := []int{1024, 2047, 2049}
	if multibuffer.Thorough {
		sizes = append(sizes, 1536, 2040, 2560, 4095)
	}
	for _, bits := range sizes {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		std("another size", key)
	}
	three, err := rsa.GenerateMultiPrimeKey(rand.Reader, 3, 2048) //lint:ignore SA1019 programs have such keys
	if err != nil {
		t.Fatal(err)
	}
	std("three primes", three)
	std("a long prime and a short one", newKey(t, 1040, 1008, 65537))

	key := keys()[2048][0]
	s := wrap(t, e, key)
	wantDecrypts(t, key, s.(crypto.Decrypter))
	box, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, []byte("hello")) //lint:ignore SA1019 keys take it
	if err != nil {
		t.Fatal(err)
	}
	if text, err := s.(crypto.Decrypter).Decrypt(nil, box, nil); err != nil || string(text) != "hello" {
		t.Errorf("PKCS #1 v1.5: %q, %v", text, err)
	}
	//lint:ignore SA1019 keys take it
	if text, err := s.(crypto.Decrypter).Decrypt(rand.Reader, box, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 5}); err != nil || string(text) != "hello" {
		t.Errorf("PKCS #1 v1.5 session key: %q, %v", text, err)
	}
	var read counter
	sig, err := s.Sign(&read, d, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 20})
	if err != nil || read.n != 20 || rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, d, sig, nil) != nil {
		t.Errorf("PSS with a reader of one's own: %d bytes read, %v", read.n, err)
	}
	if sig, err := s.Sign(nil, d, options{}); err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, d, sig) != nil {
		t.Errorf("options of a type of one's own: %v", err)
	}
	if sig, err := wrap(t, e, hidden{key}).Sign(nil, d, crypto.SHA256); err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, d, sig) != nil {
		t.Errorf("a key of a type of one's own: %v", err)
	}

	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if sig, err := wrap(t, e, p521).Sign(rand.Reader, d, crypto.SHA256); err != nil || !ecdsa.VerifyASN1(&p521.PublicKey, d, sig) {
		t.Error("P-521:", err)
	}
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if sig, err := wrap(t, e, struct{ crypto.Signer }{ed}).Sign(nil, d, crypto.Hash(0)); err != nil || !ed25519.Verify(public, d, sig) {
		t.Error("Ed25519 of a type of one's own:", err)
	}
	mine, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	yours, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agree := &engine.ECDHOp{Key: mine, Peer: yours.PublicKey()}
	want, err := yours.ECDH(mine.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Do(context.Background(), agree); err != nil || !bytes.Equal(agree.Secret, want) {
		t.Error("X25519 with a key that is not wrapped:", err)
	}
	if agree.Wipe(); !bytes.Equal(agree.Secret, make([]byte, 32)) {
		t.Error("X25519: not wiped")
	}
	if s := e.Stats(); s.Vectorized != 0 || s.Completed != uint64(2*(len(sizes)+2)+9) || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

type counter struct{ n int }

func (c *counter) Read(p []byte) (int, error) { c.n += len(p); return rand.Read(p) }

type options struct{}

func (options) HashFunc() crypto.Hash { return crypto.SHA256 }

type hidden struct{ *rsa.PrivateKey }

// A program may replace crypto/rand's reader by one of any kind, even one that cannot be
// compared.
func TestReaderInTheOtherOnesPlace(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	key := keys()[2048][0]
	s := wrap(t, e, key)
	real := rand.Reader
	defer func() { rand.Reader = real }()
	rand.Reader = readerFunc(real.Read)
	d := digest(crypto.SHA256)
	sig, err := s.Sign(rand.Reader, d, &rsa.PSSOptions{Hash: crypto.SHA256})
	if err != nil || rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, d, sig, nil) != nil {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestOptionsStandard(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Standard: true})
	for _, bits := range bitSizes {
		signs(t, wrap(t, e, keys()[bits][0]), keys()[bits][0], false)()
	}
	if s := e.Stats(); s.Vectorized != 0 || s.Completed != 3 {
		t.Errorf("%+v", s)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []multibuffer.Options{{Workers: -1}, {Depth: -1}} {
		if _, err := multibuffer.New(o); err == nil || !strings.Contains(err.Error(), "multibuffer") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// wantReason is set in the child processes of these tests: the reason that Supported must give
// there.
const wantReason = "ASYNCCRYPTO_TEST_WANT_REASON"

func TestSupported(t *testing.T) {
	ok, reason := multibuffer.Supported()
	if ok == (reason != "") {
		t.Errorf("supported: %v, because %q", ok, reason)
	}
	if want, child := os.LookupEnv(wantReason); child && (ok || !strings.Contains(reason, want)) {
		t.Errorf("supported: %v, because %q; want %q", ok, reason, want)
	}
	t.Log("supported:", ok, reason)
}

// These tests hold again, in a process of their own, with the kernels switched off, on a CPU
// without the instructions, and under FIPS 140.
func TestSwitchedOff(t *testing.T) {
	if _, child := os.LookupEnv(wantReason); child {
		t.Skip("the tests' own child")
	}
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	const most = "TestPKCS1v15|TestErrorsOfCryptoRSA|TestMixedBatches|TestJobsAndGoroutines|TestDropIns|TestVerifyBatch|TestGeneratedKeys|TestECDSAReadersAndOptions"
	for _, c := range []struct{ name, env, reason, tests string }{
		{"environment", "ASYNCCRYPTO_IFMA=off", "ASYNCCRYPTO_IFMA=off", most},
		{"CPU", "GODEBUG=cpu.avx512ifma=off", "lacks AVX-512 IFMA", most},
		{"FIPS 140", "GODEBUG=fips140=on", "crypto/fips140", most},
		// FIPS 140 refuses the operations that the other tests compare with.
		{"FIPS 140 only", "GODEBUG=fips140=only", "crypto/fips140", "TestJobsAndGoroutines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "CPU" && !lanes() || c.name == "environment" && fips140.Enabled() {
				t.Skip("another reason comes first, or the CPU has no such feature")
			}
			t.Parallel()
			cmd := exec.Command(self, "-test.short", "-test.v", "-test.run=^(TestSupported|"+c.tests+")$")
			cmd.Env = append(os.Environ(), c.env, wantReason+"="+c.reason)
			out, err := cmd.CombinedOutput()
			switch {
			case strings.Contains(string(out), "fips140: ") && !strings.Contains(string(out), "=== RUN"):
				t.Skipf("FIPS 140 is not to be had here: %s", out)
			case err != nil || strings.Count(string(out), "--- PASS") != 2+strings.Count(c.tests, "|"):
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
