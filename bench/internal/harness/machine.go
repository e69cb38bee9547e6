package harness

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"asynccrypto/internal/measure"
)

// Machine is where the figures come from; they mean nothing elsewhere.
type Machine struct {
	measure.Machine
	ID             string `json:"id"`                         // the kind of CPU, for file names: amd-25-17
	ThreadsPerCore int    `json:"threads_per_core,omitempty"` // 0 if the system does not tell
	Virtual        bool   `json:"virtual,omitempty"`          // under a hypervisor
	Pinned         string `json:"pinned"`                     // which CPUs the processes ran on
	// SiblingBusy is the part of the slices' time in which the other hyperthreads of the core that
	// the processes were pinned to computed, from 0 to 1. It is nil if there are none, or unknown.
	SiblingBusy *float64 `json:"sibling_busy,omitempty"`
}

func thisMachine() Machine {
	m := Machine{Machine: measure.ThisMachine()}
	info, _ := os.ReadFile("/proc/cpuinfo")
	m.ID = cpuID(string(info))
	m.Virtual = slices.Contains(strings.Fields(string(info)), "hypervisor") // one of the flags
	siblings, _ := os.ReadFile("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
	m.ThreadsPerCore = len(parseCPUs(strings.TrimSpace(string(siblings))))
	return m
}

// cpuID returns the vendor, family and model of the first processor in the text of
// /proc/cpuinfo: amd-25-17 or intel-6-143, or on ARM the implementer's and the part's numbers:
// arm-0x41-0xd0c. Elsewhere it is the architecture.
func cpuID(cpuinfo string) string {
	first, _, _ := strings.Cut(cpuinfo, "\n\n")
	fields := map[string]string{}
	for line := range strings.Lines(first) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	vendor := fields["vendor_id"]
	switch vendor {
	case "AuthenticAMD":
		vendor = "amd"
	case "GenuineIntel":
		vendor = "intel"
	}
	switch {
	case vendor != "" && fields["cpu family"] != "" && fields["model"] != "":
		return fmt.Sprintf("%s-%s-%s", strings.ToLower(vendor), fields["cpu family"], fields["model"])
	case fields["CPU implementer"] != "" && fields["CPU part"] != "":
		return fmt.Sprintf("arm-%s-%s", fields["CPU implementer"], fields["CPU part"])
	}
	return runtime.GOARCH
}

// parseCPUs returns the processors in a list such as "0,64" or "0-1"; none if it is no such list.
func parseCPUs(list string) (cpus []int) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err := strconv.Atoi(first)
		high, err2 := strconv.Atoi(last)
		if err != nil || err2 != nil || high < low {
			return nil
		}
		for cpu := low; cpu <= high; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// String describes the machine on one line.
func (m Machine) String() string {
	threads := ""
	switch {
	case m.ThreadsPerCore == 1 && m.Virtual:
		threads = ", one hyperthread a core (in a virtual machine: a busy sibling would not show)"
	case m.ThreadsPerCore == 1:
		threads = ", one hyperthread a core"
	case m.ThreadsPerCore > 1:
		threads = fmt.Sprintf(", %d hyperthreads a core", m.ThreadsPerCore)
	}
	siblings := ""
	if m.SiblingBusy != nil {
		siblings = fmt.Sprintf("; the core's other hyperthread computed for %.0f%% of the time", 100**m.SiblingBusy)
	}
	return fmt.Sprintf("%v; %s%s; %s%s", m.Machine, m.ID, threads, m.Pinned, siblings)
}
