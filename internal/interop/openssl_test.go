package interop

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOpenSSL verifies signatures of every size, scheme and kind of salt with the openssl command.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	version, err := exec.Command(openssl, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", version)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	hashes := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512, "sha3-256": crypto.SHA3_256}
	for bits, key := range keys() {
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		public := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		signer := wrap(t, key)
		for name, h := range hashes {
			digest := make([]byte, h.Size())
			rand.Read(digest)
			verify := func(opts crypto.SignerOpts, args ...string) {
				t.Helper()
				throughLanes(t, 1, func() {
					sig, err := signer.Sign(rand.Reader, digest, opts)
					if err != nil {
						t.Fatal(err)
					}
					args = append([]string{
						"pkeyutl", "-verify", "-pubin", "-inkey", public, "-in", write("digest", digest),
						"-sigfile", write("signature", sig), "-pkeyopt", "digest:" + name,
					}, args...)
					if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
						t.Errorf("%d bits, %s, %v: %v\n%s", bits, name, args, err, out)
					}
					// This would prove nothing if openssl accepted anything.
					sig[len(sig)/2] ^= 1
					write("signature", sig)
					refuses(t, openssl, args)
					sig[len(sig)/2] ^= 1
					write("signature", sig)
					digest[0] ^= 1
					write("digest", digest)
					refuses(t, openssl, args)
					digest[0] ^= 1
				})
			}
			verify(h)
			for salt, length := range map[int]int{
				rsa.PSSSaltLengthAuto:       bits/8 - h.Size() - 2,
				rsa.PSSSaltLengthEqualsHash: h.Size(),
				1:                           1,
			} {
				verify(&rsa.PSSOptions{SaltLength: salt, Hash: h},
					"-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", fmt.Sprintf("rsa_pss_saltlen:%d", length))
			}
		}
	}
}

// refuses checks that openssl calls a signature wrong, and does not fail for another reason.
func refuses(t *testing.T, openssl string, args []string) {
	t.Helper()
	out, err := exec.Command(openssl, args...).CombinedOutput()
	if _, exited := err.(*exec.ExitError); !exited || !bytes.Contains(out, []byte("Signature Verification Failure")) {
		t.Errorf("%v took what is not signed, or failed otherwise: %v\n%s", args, err, out)
	}
}
