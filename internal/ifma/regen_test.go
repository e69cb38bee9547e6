package ifma_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestGenerated shows that the assembly of each package is the output of the generator. The
// generator needs a module that may not be at hand, so only CI runs this.
func TestGenerated(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("only where CI=true: needs the generator's modules")
	}
	for pkg, file := range map[string]string{
		"curve25519": "curve25519/kernels_amd64.s",
		"ifmatest":   "ifmatest/registers_amd64.s",
		"nistec":     "nistec/kernels_amd64.s",
		"rsa":        "rsa/kernels_amd64.s",
	} {
		out := filepath.Join(t.TempDir(), "out.s")
		cmd := exec.Command("go", "run", ".", pkg, "-out", out)
		cmd.Dir = "_asm"
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=", "GOARCH=", "GOFLAGS=-mod=readonly")
		if msg, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", pkg, err, msg)
		}
		if !bytes.Equal(body(t, out), body(t, file)) {
			t.Errorf("%s differs from what _asm writes: run go generate", file)
		}
	}
}

// body returns a generated file without its first line, which has the arguments of the command.
func body(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, b, _ = bytes.Cut(b, []byte("\n"))
	return b
}

// TestMemoryIsReadWhole shows that no kernel loads or stores under a mask. A mask may be secret, as
// the lanes are in which a digit of a nonce is zero, and the time of such a load may depend on it:
// see select.go of the generator. A gather needs a mask, and all its lanes are always set.
func TestMemoryIsReadWhole(t *testing.T) {
	masked := regexp.MustCompile(`(?m)^\t(VMOV|VP[^G]).*\(.*K[1-7], .*$|^\tVMOV.*K[1-7], .*\(.*$`)
	for _, file := range []string{"curve25519/kernels_amd64.s", "nistec/kernels_amd64.s", "rsa/kernels_amd64.s"} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := masked.FindAll(src, -1); found != nil {
			t.Errorf("%s: %d accesses under a mask, such as %s", file, len(found), found[0])
		}
	}
}
