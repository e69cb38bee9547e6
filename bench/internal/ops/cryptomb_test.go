package ops

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/bench/internal/ops/opstest"
	"asynccrypto/engine/multibuffer"
)

// The C program does every operation, and its results are checked, with a library that has
// crypto_mb's interface.
func TestBeside(t *testing.T) {
	if ok, why := multibuffer.Supported(); !ok {
		t.Skip(why)
	}
	include, lib := opstest.CryptoMB(t)
	dir := t.TempDir()
	m, err := FindCryptoMB(t.Context(), include+","+lib, dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := threeKeys()
	if err != nil {
		t.Fatal(err)
	}
	run := harnesstest.Run(t, harness.Subject{Name: "ops"}, 1, time.Millisecond)
	b := NewBeside(m, run)
	for _, o := range []string{
		"rsa2048 sign", "rsa2048 verify", "ecdsap256 sign", "ecdsap256 verify", "ecdsap256 " + VerifyAny, "ecdsap384 sign", "ecdsap384 verify",
		"ed25519 sign", "ed25519 verify", "ecdhx25519 derive", "ecdhx25519 keygen",
	} {
		algorithm, operation, _ := strings.Cut(o, " ")
		b.Row(run, algorithm, operation, harness.Goal{AtLeast: 1})
	}
	s := NewSession(run, keys)
	if err := s.Round(0, func() error { return b.Measure(t.Context(), 0, s) }); err != nil {
		t.Fatal(err)
	}
	run.Result.Conclude()
	for _, row := range run.Result.Tables[0].Rows {
		harnesstest.Complete(t, row, 1, "crypto_mb", "our kernels", "times as fast")
	}
	if len(run.Result.Tables[0].Rows) != 11 || run.Result.Beside[0] != "crypto_mb 98.7.6" {
		t.Errorf("%+v", run.Result)
	}
	t.Setenv("CRYPTO_MB_REFUSES", "1")
	if err := s.Round(0, func() error { return b.Measure(t.Context(), 0, s) }); err == nil || !strings.Contains(err.Error(), "answers 0xaaaaaaaa") {
		t.Error(err)
	}
}

func TestCryptoMBIn(t *testing.T) {
	prefix := t.TempDir()
	for _, file := range []string{"include/crypto_mb/rsa.h", "lib64/libcrypto_mb.so", "lib/libcrypto_mb.a", "lib/libcrypto_mb.so"} {
		path := filepath.Join(prefix, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for location, want := range map[string]string{
		prefix: "lib/libcrypto_mb.a",
		filepath.Join(prefix, "include") + "," + filepath.Join(prefix, "lib64"): "lib64/libcrypto_mb.so",
	} {
		include, library, err := cryptoMBIn(location)
		if err != nil || include != filepath.Join(prefix, "include") || library != filepath.Join(prefix, filepath.FromSlash(want)) {
			t.Errorf("%s: %s, %s, %v", location, include, library, err)
		}
	}
}
