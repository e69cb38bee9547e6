package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// modules is where systems have SoftHSM's module.
var modules = []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib*/softhsm/libsofthsm2.so", "/usr/lib*/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"}

// module returns the path of SoftHSM's module, or "".
func module() string {
	for _, pattern := range modules {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// missing returns a sentence that says which package is to be installed, or "".
func missing() string {
	const install = "This example needs the package %s, which is not installed. On Debian and Ubuntu: apt install p11-kit softhsm2"
	if _, err := exec.LookPath("p11-kit"); err != nil {
		return fmt.Sprintf(install, "p11-kit (Fedora: p11-kit-server)")
	}
	if _, err := exec.LookPath("softhsm2-util"); err != nil || module() == "" {
		return fmt.Sprintf(install, "softhsm2 (Fedora: softhsm)")
	}
	return ""
}

// softHSM is a token whose files are in a directory of its own.
type softHSM struct {
	dir string
	uri string // of the key, with the PIN's file
}

// newSoftHSM makes a token with the key. Call remove when done.
func newSoftHSM(key crypto.PrivateKey) (*softHSM, error) {
	dir, err := os.MkdirTemp("", "hsm")
	if err != nil {
		return nil, err
	}
	s := &softHSM{dir: dir, uri: "pkcs11:token=web;object=site?module-path=" + module() + "&pin-source=file:" + filepath.Join(dir, "pin")}
	if err := s.fill(key); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *softHSM) fill(key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.tokens(), 0o700); err != nil {
		return err
	}
	file := filepath.Join(s.dir, "key.pem")
	for name, text := range map[string]string{
		"softhsm2.conf": "directories.tokendir = " + s.tokens() + "\n",
		"pin":           "1234\n",
		"key.pem":       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	// The helper processes inherit it.
	if err := os.Setenv("SOFTHSM2_CONF", filepath.Join(s.dir, "softhsm2.conf")); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"--init-token", "--free", "--label", "web", "--pin", "1234", "--so-pin", "5678"},
		{"--import", file, "--token", "web", "--label", "site", "--id", "01", "--pin", "1234"},
	} {
		if said, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("softhsm2-util %s: %w: %s", args[0], err, said)
		}
	}
	return os.Remove(file)
}

func (s *softHSM) tokens() string { return filepath.Join(s.dir, "tokens") }

func (s *softHSM) unplug() error { return os.Rename(s.tokens(), s.tokens()+".away") }

func (s *softHSM) plugIn() error { return os.Rename(s.tokens()+".away", s.tokens()) }

func (s *softHSM) remove() { os.RemoveAll(s.dir) }
