// Package proc reads the figures that Linux has of processes (proc(5)).
package proc

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

// Stat returns a process's parent and how long it has computed.
func Stat(pid int) (parent int, cpu int64, err error) {
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

// Children returns the processes whose parent is a process.
func Children(pid int) (children []int, err error) {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, _, err := Stat(child); err == nil && parent == pid { // else it has just ended
			children = append(children, child)
		}
	}
	return children, nil
}

// ResidentSet returns how many bytes of this process are in memory.
func ResidentSet() (int64, error) {
	n, err := field("self", "status", "VmRSS:")
	return n * 1024, err
}

// ProportionalSet returns how many bytes a process has in memory. Of a page that several processes
// share it counts a part (PSS), so that the sum over all processes is the memory they take.
func ProportionalSet(pid int) (int64, error) {
	n, err := field(strconv.Itoa(pid), "smaps_rollup", "Pss:")
	return n * 1024, err
}

// Threads returns how many threads this process has.
func Threads() (int64, error) { return field("self", "status", "Threads:") }

// field returns the number after a name in a file of a process. Its unit is kB if it has one.
func field(pid, file, name string) (int64, error) {
	text, err := os.ReadFile("/proc/" + pid + "/" + file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), " kB")), 10, 64)
		}
	}
	return 0, errors.New("/proc/" + pid + "/" + file + " has no " + name)
}

// Waited returns how long the threads of a process were ready to run and did not, because others
// ran; 0 where the system does not tell.
func Waited(pid string) (ns int64) { return schedstat(pid, 1) }

// Computed returns how long the threads of a process that are there have computed, to the
// nanosecond; 0 where the system does not tell.
func Computed(pid int) (ns int64) { return schedstat(strconv.Itoa(pid), 0) }

// schedstat adds up a field of all threads.
func schedstat(pid string, field int) (ns int64) {
	threads, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	for _, t := range threads {
		stat, err := os.ReadFile(t)
		if err != nil {
			continue // it has just ended
		}
		if f := strings.Fields(string(stat)); len(f) == 3 {
			n, _ := strconv.ParseInt(f[field], 10, 64)
			ns += n
		}
	}
	return ns
}

// OwnCPU returns how long this process has computed.
func OwnCPU() int64 {
	d, _ := cputime.Process()
	return int64(d)
}

// Busy returns how long all CPUs together have computed since the system started, and how long they
// have been there, in nanoseconds. Time that a hypervisor gave to others counts as computed.
func Busy() (busy, total int64, err error) { return busyOf("cpu") }

// BusyCPU is Busy for one CPU.
func BusyCPU(cpu int) (busy, total int64, err error) { return busyOf(fmt.Sprint("cpu", cpu)) }

// busyOf reads the line of this name.
func busyOf(name string) (busy, total int64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	var f []string
	for line := range strings.Lines(string(text)) {
		if f = strings.Fields(line); len(f) > 0 && f[0] == name {
			break
		}
	}
	if len(f) < 9 || f[0] != name {
		return 0, 0, fmt.Errorf("/proc/stat has no line %s", name)
	}
	// user, nice, system, idle, iowait, irq, softirq, steal; user includes the guests that follow.
	for i, ticks := range f[1:9] {
		n, err := strconv.ParseInt(ticks, 10, 64)
		if err != nil {
			return 0, 0, err
		}
		total += n * int64(tick)
		if i != 3 && i != 4 {
			busy += n * int64(tick)
		}
	}
	return busy, total, nil
}
