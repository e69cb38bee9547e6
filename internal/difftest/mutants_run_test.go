package difftest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var flagMutants = flag.Bool("mutants", false, "check that deliberate changes to async are caught (always with CI=true)")

// TestPatchesApply checks that the patches still fit package async. It runs by default, since it
// takes no time.
func TestPatchesApply(t *testing.T) {
	if _, err := writeOverlay(asyncDir(t), t.TempDir()); err != nil {
		t.Error(err)
	}
}

func asyncDir(t *testing.T) string {
	dir, err := filepath.Abs("../../async")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMutants runs TestInterpreted in a build with the mutants. It must catch each of them.
func TestMutants(t *testing.T) {
	if !*flagMutants && !inCI {
		t.Skip("needs -mutants or CI=true")
	}
	newInterp(t) // skips if TestInterpreted does
	dir := t.TempDir()
	overlay, err := writeOverlay(asyncDir(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mutants.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	run := func(n int, flags ...string) (string, error) {
		cmd := exec.Command(binary, append(flags, "-test.run=^TestInterpreted$", "-test.timeout=5m", "-lib="+library())...)
		cmd.Env = append(os.Environ(), fmt.Sprint(mutantEnv, "=", n))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(0, "-seed=1", "-steps=50000"); err != nil {
		t.Fatalf("with no mutant switched on: %v\n%s", err, out)
	}
	for n := 1; n < len(mutants); n++ {
		out, err := run(n, "-seed=1", "-steps=50000", "-shrink=2m")
		if err == nil || !strings.Contains(out, differ) {
			t.Errorf("%d, %s: not caught: %v\n%s", n, mutants[n], err, out)
			continue
		}
		_, after, _ := strings.Cut(out, "a script of ")
		var steps int
		if _, err := fmt.Sscan(after, &steps); err != nil || steps > 20 {
			t.Errorf("%d, %s: caught, but not made small:\n%s", n, mutants[n], out)
		}
		t.Logf("%d, %s: caught, with a script of %d steps", n, mutants[n], steps)
	}
}
