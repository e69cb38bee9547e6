package pemfile

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"os"
	"os/exec"
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
	cert, other := tlstest.NewCertificate(t), tlstest.NewCertificate(t)
	if pool, n, err := ReadPool("ca", cert.File); err != nil || n != 1 || !pool.Equal(cert.Pool) {
		t.Error(n, err)
	}
	if _, _, err := ReadPool("ca", cert.KeyFile); err == nil || err.Error() != "-ca "+cert.KeyFile+": holds no certificate in PEM form" {
		t.Error(err)
	}
	a, b := contents(t, cert.File), contents(t, other.File)
	lines := strings.SplitAfter(a, "\n")
	for _, bundle := range []string{a + b, "\uFEFF" + a + b, "some text\n" + a + "\r\n# more\n" + b, strings.ReplaceAll(a+b, "\n", "\r\n")} {
		if _, n, err := ReadPool("ca", write(t, bundle)); n != 2 || err != nil {
			t.Errorf("%q: %d, %v", bundle, n, err)
		}
	}
	for want, bundle := range map[string]string{
		"block 2 (CERTIFICATE) is damaged; it starts in line":      a + "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n" + b,
		"block 1 (CERTIFICATE) is damaged; it starts in line 1":    strings.Join(lines[:len(lines)-2], "") + b, // without its last line
		"block 2 is not a valid certificate":                       a + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + b,
		"holds more than certificates: PRIVATE KEY; take that out": a + contents(t, cert.KeyFile),
		"in UTF-16; save it as UTF-8":                              "\xFF\xFE-\x00",
		"in DER form; convert it to PEM form with: openssl x509":   string(cert.Leaf.Raw),
	} {
		if _, _, err := ReadPool("ca", write(t, bundle)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A byte-order mark before the first block does no harm, and a damaged block after it is an error.
func TestReadMarked(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	text, keyText := contents(t, cert.File), contents(t, cert.KeyFile)
	if got, err := ReadCertificate(write(t, "\uFEFF", text), write(t, "\uFEFF", keyText)); err != nil || !got.Leaf.Equal(cert.Leaf) {
		t.Error(err)
	}
	damaged := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	if _, err := ReadCertificate(write(t, text, damaged), cert.KeyFile); err == nil || !strings.Contains(err.Error(), "block 2 is not a valid") {
		t.Error(err)
	}
}

// Keys that Go's TLS can't use are refused, and the error says how to get one that it can use.
func TestReadKeyHints(t *testing.T) {
	for want, args := range map[string]string{
		"an RSA-PSS key, which Go's TLS can't use": "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
		"encrypted; decrypt it first with":         "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x",
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if out, err := exec.Command("openssl", append(strings.Fields(args), "-out", path)...).CombinedOutput(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Skip(err)
		}
		if _, err := ReadKey(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	args := strings.Fields("req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -nodes -subj /CN=a")
	if out, err := exec.Command("openssl", append(args, "-keyout", key, "-out", cert)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := ReadCertificate(cert, key); err == nil || !strings.Contains(err.Error(), "such as RSA-PSS") {
		t.Error(err)
	}
}

// FuzzBlocks: a file without a damaged block gives the blocks that pem.Decode finds, and no file
// gives fewer without an error.
func FuzzBlocks(f *testing.F) {
	block := "-----BEGIN A-----\nAAAA\n-----END A-----\n"
	f.Add([]byte(block + "text\n" + block))
	f.Add([]byte("\uFEFF" + block))
	f.Add([]byte("-----BEGIN A-----\n" + block))
	f.Add([]byte("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n-----BEGIN "))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := blocks(text)
		if err != nil {
			return
		}
		text = bytes.TrimPrefix(text, []byte("\uFEFF"))
		for i := 0; ; i++ {
			var want *pem.Block
			if want, text = pem.Decode(text); want == nil {
				if i != len(got) {
					t.Errorf("%d blocks, not %d", len(got), i)
				}
				return
			}
			if i >= len(got) || got[i].Type != want.Type || !bytes.Equal(got[i].Bytes, want.Bytes) {
				t.Fatalf("block %d is not %+v", i, want)
			}
		}
	})
}
