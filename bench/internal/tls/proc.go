package tls

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"asynccrypto/internal/cputime"
)

// tick is the unit of times in proc(5), on every architecture that we measure.
const tick = 10 * time.Millisecond

// processStat returns a process's parent and how long it has computed.
func processStat(pid int) (parent int, cpu int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest) // from the third field of proc(5) on
	if len(f) < 13 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	parent, err = strconv.Atoi(f[1])
	if err != nil {
		return 0, 0, err
	}
	for _, ticks := range f[11:13] {
		n, err := strconv.ParseInt(ticks, 10, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu += n * int64(tick)
	}
	return parent, cpu, nil
}

// residentSet returns how many bytes of this process are in memory.
func residentSet() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return kb * 1024, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmRSS")
}

// waited returns how long the threads of a process were ready to run and did not, because
// others ran; 0 where the system does not tell.
func waited(pid string) (ns int64) {
	threads, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	for _, t := range threads {
		stat, err := os.ReadFile(t)
		if err != nil {
			continue // it has just ended
		}
		if f := strings.Fields(string(stat)); len(f) == 3 {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			ns += n
		}
	}
	return ns
}

// ownCPU returns how long this process has computed.
func ownCPU() int64 {
	d, _ := cputime.Process()
	return int64(d)
}
