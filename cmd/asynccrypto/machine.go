package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/cpu"
)

// machineFacts says what this processor can, as far as the speed of public-key operations goes, and why it matters.
func machineFacts() []string {
	facts := []string{fmt.Sprintf("%s on %s/%s, using %d of %s (GOMAXPROCS)",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), count(runtime.NumCPU(), "core"))}
	if runtime.GOARCH == "amd64" {
		facts = append(facts, feature(cpu.X86.HasBMI2 && cpu.X86.HasADX, "BMI2 and ADX", "the standard library's RSA is faster with them"))
	}
	return append(facts, feature(cpu.X86.HasAVX512IFMA && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL, "AVX-512 IFMA",
		"with it eight RSA operations can be computed at a time; the standard library does not use it"))
}

func feature(has bool, name, use string) string {
	if has {
		return fmt.Sprintf("%s: yes (%s)", name, use)
	}
	return fmt.Sprintf("%s: no (%s)", name, use)
}
