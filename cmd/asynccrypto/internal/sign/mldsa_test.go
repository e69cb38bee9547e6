//go:build go1.27

package sign

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// The signature is that of the whole file, with an empty context, though the file is read in
// pieces.
func TestSignMLDSA(t *testing.T) {
	for _, params := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		key, err := mldsa.GenerateKey(params)
		if err != nil {
			t.Skip(err)
		}
		keyFile := tlstest.NewCertificateFor(t, key).KeyFile
		dir := t.TempDir()
		for name, content := range map[string][]byte{"empty": nil, "short": []byte("text"), "long": bytes.Repeat([]byte("long"), 1<<20)} {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			if status := Command.Main([]string{"-key", keyFile, file}, cli.Stdio{Out: io.Discard, Err: &stderr}); status != cli.ExitOK {
				t.Fatalf("%v, %s: status %d, %s", params, name, status, stderr.String())
			}
			signature, err := os.ReadFile(file + ".sig")
			if err == nil {
				err = mldsa.Verify(key.PublicKey(), content, signature, nil)
			}
			if err != nil {
				t.Errorf("%v, %s: %v", params, name, err)
			}
		}
		if _, err := signingMethod(key, crypto.SHA256, true); err == nil || !strings.Contains(err.Error(), "-pss is for RSA") {
			t.Errorf("%v with -pss: %v", params, err)
		}
	}
}
