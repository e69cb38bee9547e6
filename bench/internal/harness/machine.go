package harness

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"asynccrypto/internal/measure"
)

// Machine is where the figures come from; they mean nothing elsewhere.
type Machine struct {
	measure.Machine
	ID             string `json:"id"`                         // the kind of CPU, for file names: amd-25-17
	ThreadsPerCore int    `json:"threads_per_core,omitempty"` // 0 if the system does not tell
	Pinned         string `json:"pinned"`                     // which CPUs the processes ran on
}

func thisMachine() Machine {
	m := Machine{Machine: measure.ThisMachine()}
	info, _ := os.ReadFile("/proc/cpuinfo")
	m.ID = cpuID(string(info))
	siblings, _ := os.ReadFile("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
	m.ThreadsPerCore = countCPUs(strings.TrimSpace(string(siblings)))
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

// countCPUs counts the processors in a list such as "0,64" or "0-1"; 0 if it is none.
func countCPUs(list string) (n int) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err := strconv.Atoi(first)
		high, err2 := strconv.Atoi(last)
		if err != nil || err2 != nil || high < low {
			return 0
		}
		n += high - low + 1
	}
	return n
}

// PinnedTo notes the CPU that [ChoosePin] has chosen, or why there is none.
func (m *Machine) PinnedTo(cpu int, err error) {
	m.Pinned = fmt.Sprintf("pinned to cpu %d", cpu)
	if err != nil {
		m.Pinned = "not pinned: " + err.Error()
	}
}

// String describes the machine on one line.
func (m Machine) String() string {
	threads := ""
	switch {
	case m.ThreadsPerCore == 1:
		threads = ", one hyperthread a core"
	case m.ThreadsPerCore > 1:
		threads = fmt.Sprintf(", %d hyperthreads a core", m.ThreadsPerCore)
	}
	return fmt.Sprintf("%v; %s%s; %s", m.Machine, m.ID, threads, m.Pinned)
}
