package cabi

import (
	"path/filepath"
	"runtime"
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
	args := []string{"-s", "CC=" + cross + "gcc", "OBJCOPY=" + cross + "objcopy", "AR=" + cross + "ar", "B=" + dir, "all"}
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
