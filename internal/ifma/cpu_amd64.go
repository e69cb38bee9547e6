//go:build !purego

package ifma

import "golang.org/x/sys/cpu"

func cpuSupport() string {
	for _, f := range []struct {
		has  bool
		name string
	}{
		// HasAVX512F and the others are also false where the operating system does not save the
		// registers.
		{cpu.X86.HasAVX512F, "AVX-512 F"},
		{cpu.X86.HasAVX512BW, "AVX-512 BW"},
		{cpu.X86.HasAVX512DQ, "AVX-512 DQ"},
		{cpu.X86.HasAVX512VL, "AVX-512 VL"},
		{cpu.X86.HasAVX512IFMA, "AVX-512 IFMA"},
	} {
		if !f.has {
			return "the CPU or the operating system lacks " + f.name
		}
	}
	return ""
}
