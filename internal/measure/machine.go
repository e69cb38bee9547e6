package measure

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/cpu"
)

// Machine is where figures come from; they mean nothing elsewhere.
type Machine struct {
	CPU    string `json:"cpu"` // the model, or "unknown CPU"
	Cores  int    `json:"cores"`
	System string `json:"system"` // GOOS/GOARCH
	Go     string `json:"go"`     // the version of Go
	Date   string `json:"date"`   // yyyy-mm-dd
}

// ThisMachine describes the machine that the program runs on, today.
func ThisMachine() Machine {
	m := Machine{
		CPU:    cpuModel(),
		Cores:  runtime.NumCPU(),
		System: runtime.GOOS + "/" + runtime.GOARCH,
		Go:     runtime.Version(),
		Date:   time.Now().Format(time.DateOnly),
	}
	if m.CPU == "" {
		m.CPU = "unknown CPU"
	}
	return m
}

// String describes the machine on one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %s, %s, %s, %s", m.CPU, Count(m.Cores, "core"), m.System, m.Go, m.Date)
}

// CPUFacts says, one fact an element, how many cores the program uses at most, and which
// instructions this processor has that matter to the speed of public-key operations, and why each
// matters.
func CPUFacts() []string {
	facts := []string{fmt.Sprintf("GOMAXPROCS: %d (no more cores than that are used)", runtime.GOMAXPROCS(0))}
	if runtime.GOARCH == "amd64" {
		facts = append(facts, feature(cpu.X86.HasBMI2 && cpu.X86.HasADX, "BMI2 and ADX",
			"the standard library's RSA is faster with them"))
	}
	ifma := cpu.X86.HasAVX512IFMA && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL
	return append(facts, feature(ifma, "AVX-512 IFMA",
		"with it eight public-key operations can be computed at a time; the standard library does not use it"))
}

func feature(has bool, name, use string) string {
	if has {
		return fmt.Sprintf("%s: yes (%s)", name, use)
	}
	return fmt.Sprintf("%s: no (%s)", name, use)
}
