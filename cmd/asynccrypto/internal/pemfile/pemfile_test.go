package pemfile

import (
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// write writes a file and returns its path.
func write(t *testing.T, text ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, []byte(strings.Join(text, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A certificate and its key may be in two files, or in one in any order.
func TestReadCertificate(t *testing.T) {
	cert, other := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	certText, keyText := contents(t, cert.File), contents(t, cert.KeyFile)
	for _, files := range [][2]string{
		{cert.File, cert.KeyFile}, {write(t, certText, keyText), ""}, {write(t, keyText, certText), ""},
		{write(t, certText, contents(t, other.File)), cert.KeyFile},
	} {
		got, err := ReadCertificate(files[0], files[1])
		if err != nil {
			t.Errorf("%q: %v", files, err)
			continue
		}
		key, ok := got.PrivateKey.(crypto.Signer)
		if !ok || !got.Leaf.Equal(cert.Leaf) || KeyName(key.Public()) != "ECDSA P-256" {
			t.Errorf("%q: %+v", files, got)
		}
	}
	for want, files := range map[string][2]string{
		"does not belong to the first certificate":                             {cert.File, other.KeyFile},
		"holds no private key, but CERTIFICATE; give the key's file with -key": {cert.File, ""},
		"holds no certificate in PEM form":                                     {cert.KeyFile, ""},
		"none: ":                                                               {cert.File, filepath.Join(t.TempDir(), "none")},
		"not a private key in PEM form":                                        {cert.File, write(t, "text")},
	} {
		if _, err := ReadCertificate(files[0], files[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", files, err)
		}
	}
}

// A file that is too large to be a key is not read to its end.
func TestReadKeyTooLarge(t *testing.T) {
	path := write(t)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	if _, err := ReadKey(path); err == nil || !strings.Contains(err.Error(), "larger than 1 MB") {
		t.Error(err)
	}
}

func TestReadPool(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	if pool, err := ReadPool("ca", cert.File); err != nil || !pool.Equal(cert.Pool) {
		t.Error(err)
	}
	if _, err := ReadPool("ca", cert.KeyFile); err == nil || err.Error() != "-ca "+cert.KeyFile+": holds no certificate in PEM form" {
		t.Error(err)
	}
}
