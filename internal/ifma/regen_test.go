package ifma

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerated shows that the assembly is the output of the generator. The generator needs a
// module that may not be at hand, so only CI runs this.
func TestGenerated(t *testing.T) {
	if !inCI {
		t.Skip("only where CI=true: needs the generator's modules")
	}
	out := filepath.Join(t.TempDir(), "kernels_amd64.s")
	cmd := exec.Command("go", "run", ".", "-out", out)
	cmd.Dir = "_asm"
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=", "GOARCH=", "GOFLAGS=-mod=readonly")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	body := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// The first line has the arguments of the command.
		_, b, _ = bytes.Cut(b, []byte("\n"))
		return b
	}
	if !bytes.Equal(body(out), body("kernels_amd64.s")) {
		t.Error("kernels_amd64.s differs from what _asm writes: run go generate")
	}
}
