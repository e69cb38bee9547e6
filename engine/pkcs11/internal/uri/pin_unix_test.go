//go:build unix

package uri_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/engine/pkcs11/internal/uri"
)

// A pipe that nobody writes to does not keep a login waiting.
func TestPINFromPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err) // not every file system has them
	}
	u, err := uri.Parse("pkcs11:?pin-source=" + pipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.PIN(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}
