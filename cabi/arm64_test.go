package cabi

import (
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestArm64 runs the tests in C on an emulated 64-bit Arm, for the sake of its switch. forks is left out: QEMU's own
// threads don't survive it.
func TestArm64(t *testing.T) {
	if runtime.GOARCH == "arm64" {
		t.Skip("the other tests run on it")
	}
	const cross = "aarch64-linux-gnu-"
	need(t, "make", cross+"gcc", "qemu-aarch64")
	names := []string{"breaks", "control", "frees", "functions", "manual", "many", "memory", "overflow", "stack", "threads", "unwind"}
	dir := filepath.Join(tmp, "arm64")
	args := []string{"-s", "WERROR=-Werror", "CC=" + cross + "gcc", "B=" + dir, "all"}
	for _, name := range names {
		args = append(args, filepath.Join(dir, "test", name))
	}
	run(t, nil, "make", args...)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			run(t, []string{"CHECK_SLOW=1"}, "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", filepath.Join(dir, "test", name))
		})
	}
}

// TestArm64FrameInformation: what describes the switch to unwinders and debuggers says that no register is on the stack
// where its frame is not there yet or any more.
func TestArm64FrameInformation(t *testing.T) {
	const cross = "aarch64-linux-gnu-"
	need(t, cross+"gcc", cross+"readelf")
	object := filepath.Join(t.TempDir(), "switch.o")
	run(t, nil, cross+"gcc", "-c", "-o", object, "src/switch_arm64.S")
	out := run(t, nil, cross+"readelf", "-wF", object)
	_, out, _ = strings.Cut(out, "x19")
	out, _, _ = strings.Cut(out, "\n\n") // of ac_switch
	if rows := regexp.MustCompile(`(?m)^[0-9a-f]{16} sp\+0 .*$`).FindAllString(out, -1); len(rows) != 2 || strings.Contains(strings.Join(rows, ""), "c-") {
		t.Errorf("it says:\n%s", out)
	}
	if !regexp.MustCompile(`sp\+176 +c-176 c-168 c-160 c-152 c-144 c-136 c-128 c-120 c-112 c-104 c-96 +c-88`).MatchString(out) {
		t.Errorf("in between it says:\n%s", out)
	}
}
