package pemfile

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/publickey"
)

// A public key is read from any file that holds one; the first one counts.
func TestReadPublicKey(t *testing.T) {
	cert, other := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	der, err := x509.MarshalPKIXPublicKey(cert.Leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	certificate, key := contents(t, cert.File), contents(t, cert.KeyFile)
	for _, text := range []string{public, certificate, key, "text\n" + public + contents(t, other.File), contents(t, other.KeyFile) + public} {
		got, err := ReadPublicKey(write(t, text))
		if err != nil || !publickey.Equal(got, cert.Leaf.PublicKey) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for want, text := range map[string]string{
		"not a valid public key":                          "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"not a valid certificate":                         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"not a valid private key":                         "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"not a public key in PEM form, which starts with": "-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n",
		"is damaged":                                      "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n",
		"in DER form":                                     string(cert.Leaf.Raw),
	} {
		if _, err := ReadPublicKey(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A public key that Go can't use is no damaged one.
func TestReadPublicKeyHint(t *testing.T) {
	dir := t.TempDir()
	key, public := filepath.Join(dir, "key.pem"), filepath.Join(dir, "pub.pem")
	for _, algorithm := range []string{"RSA-PSS", "ED448"} {
		for _, args := range [][]string{{"genpkey", "-algorithm", algorithm, "-out", key}, {"pkey", "-in", key, "-pubout", "-out", public}} {
			if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("%v\n%s", err, out)
				}
				t.Skip(err)
			}
		}
		if _, err := ReadPublicKey(public); err == nil || !strings.Contains(err.Error(), "of a kind that Go can't use") {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}
