//go:build go1.27

package verify

import (
	"bytes"
	"crypto/mldsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// The key verifies the file itself, and refuses one that is too large to be in memory.
func TestVerifyMLDSA(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	write := func(name string, content []byte) {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write("pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	for name, content := range map[string][]byte{"empty": nil, "long": bytes.Repeat([]byte("long"), 1<<20)} {
		signature, err := key.Sign(nil, content, nil)
		if err != nil {
			t.Fatal(err)
		}
		write(name, content)
		write(name+".sig", signature)
	}
	write("huge", nil)
	write("huge.sig", nil)
	if err := os.Truncate("huge", 1<<30); err != nil {
		t.Skip(err)
	}
	verify := func(args ...string) (status int, out, stderr string) {
		var o, e bytes.Buffer
		status = Command.Main(append([]string{"-key", "pub.pem"}, args...), cli.Stdio{Out: &o, Err: &e})
		return status, o.String(), e.String()
	}
	if status, out, stderr := verify("empty", "long"); status != cli.ExitOK || !strings.HasPrefix(out, "verified 2 of 2 files in ") {
		t.Errorf("status %d, %q, %q", status, out, stderr)
	}
	write("empty", []byte("no longer"))
	if status, _, stderr := verify("empty", "long", "huge"); status != cli.ExitFailure ||
		!strings.Contains(stderr, "empty: the signature empty.sig is not valid\n") ||
		!strings.Contains(stderr, "huge: larger than 64 MB") || !strings.Contains(stderr, "verified 1 of 3 files\n") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
