// Package opstest has a stand-in for Intel's crypto_mb, which is built by hand and not on every
// machine.
package opstest

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
)

//go:embed crypto_mb
var source embed.FS

// CryptoMB builds a library with crypto_mb's interface. It computes one operation after the other.
func CryptoMB(t *testing.T) (include, lib string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, source); err != nil {
		t.Fatal(err)
	}
	include, lib = filepath.Join(dir, "crypto_mb", "include"), dir
	cc, err := harness.Compiler()
	if err != nil {
		harnesstest.Without(t, err.Error())
	}
	object := filepath.Join(lib, "crypto_mb.o")
	args := append(cc[1:], strings.Fields(os.Getenv("CFLAGS"))...)
	args = append(args, "-I"+include, "-c", "-o", object, filepath.Join(dir, "crypto_mb", "crypto_mb.c"))
	for _, cmd := range []*exec.Cmd{exec.Command(cc[0], args...), exec.Command("ar", "rc", filepath.Join(lib, "libcrypto_mb.a"), object)} {
		if said, err := cmd.CombinedOutput(); err != nil {
			harnesstest.Without(t, fmt.Sprintf("%s: %v: %s", cmd, err, said))
		}
	}
	return include, lib
}
