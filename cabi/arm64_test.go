package cabi

import (
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const arm64 = "aarch64-linux-gnu-" // the prefix of the cross compiler's programs

// TestArm64 runs the C tests on an emulated 64-bit Arm, to test its switch. It leaves out the
// tests of forks, since a child of QEMU's lacks the threads that QEMU itself needs.
func TestArm64(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH == "arm64" {
		t.Skip("the other tests run on it")
	}
	need(t, "qemu-aarch64")
	v := variant{name: "arm64", cc: arm64 + "gcc", tests: []string{"breaks", "control", "functions", "stack", "unwind"}}
	if inCI {
		v.tests = append(v.tests, "frees", "manual", "many", "memory", "overflow", "threads")
	}
	for _, name := range v.tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(v.built(t), "test", name)
			run(t, []string{"CHECK_SLOW=1"}, "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", program)
		})
	}
}

// TestArm64FrameInformation checks what the switch tells unwinders and debuggers: registers are
// on the stack only while its frame is.
func TestArm64FrameInformation(t *testing.T) {
	t.Parallel()
	need(t, arm64+"gcc", arm64+"readelf")
	object := filepath.Join(t.TempDir(), "switch.o")
	run(t, nil, arm64+"gcc", "-c", "-o", object, "src/switch_arm64.S")
	out := run(t, nil, arm64+"readelf", "-wF", object)
	_, out, _ = strings.Cut(out, "x19")
	out, _, _ = strings.Cut(out, "\n\n") // the end of ac_switch
	rows := regexp.MustCompile(`(?m)^[0-9a-f]{16} sp\+0 .*$`).FindAllString(out, -1)
	if len(rows) != 2 || strings.Contains(strings.Join(rows, ""), "c-") {
		t.Errorf("without a frame:\n%s", out)
	}
	if !regexp.MustCompile(`sp\+176 +c-176 c-168 c-160 c-152 c-144 c-136 c-128 c-120 c-112 c-104 c-96 +c-88`).MatchString(out) {
		t.Errorf("with a frame:\n%s", out)
	}
}
