//go:build linux

package provider

import "testing"

func TestFrames(t *testing.T) {
	cTest{name: "frames", link: []string{"src/frame.c", "src/der.c"}, keyless: true}.each(t, plain, clang, asan)
}

// TestFuzzFrames runs the fuzz target with a few seeds. "make fuzz" runs it with libFuzzer.
func TestFuzzFrames(t *testing.T) {
	cTest{name: "fuzz_frames", link: []string{"src/frame.c"}, keyless: true}.each(t, plain, asan)
}
