package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/cpu"
)

// machineFacts says what this processor can, as far as the speed of public-key operations goes, and why it matters.
func machineFacts() []string {
	facts := []string{fmt.Sprintf("%s/%s, %s of %s used (GOMAXPROCS), %s",
		runtime.GOOS, runtime.GOARCH, count(runtime.GOMAXPROCS(0), "core"), count(runtime.NumCPU(), "core"), runtime.Version())}
	switch runtime.GOARCH {
	case "amd64":
		facts = append(facts,
			feature(cpu.X86.HasBMI2 && cpu.X86.HasADX, "BMI2 and ADX", "the standard library's RSA is faster with them"),
			feature(cpu.X86.HasAVX512IFMA && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL, "AVX-512 IFMA",
				"could do eight RSA operations at a time; no engine here does"))
	default:
		facts = append(facts, "AVX-512 IFMA, for eight RSA operations at a time: not on this architecture; no engine here uses it")
	}
	return facts
}

func feature(has bool, name, use string) string {
	if has {
		return fmt.Sprintf("%s: yes (%s)", name, use)
	}
	return fmt.Sprintf("%s: no (%s)", name, use)
}
