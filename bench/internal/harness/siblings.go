package harness

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// siblings are the other hyperthreads of the core that the processes are pinned to. A program that
// computes there takes a part of the core from the measured process, and the process's share of its
// own CPU does not show that.
type siblings struct {
	cpus        []int
	stat        func() string // the text of /proc/stat
	busy, total uint64        // in the slices so far, in ticks of 10 ms
}

// siblingsOf returns the siblings of a CPU: none for [NoPin], or where the system does not tell.
func siblingsOf(cpu int) siblings {
	list, _ := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu))
	cpus := slices.DeleteFunc(parseCPUs(strings.TrimSpace(string(list))), func(other int) bool { return other == cpu })
	return siblings{cpus: cpus, stat: func() string {
		text, _ := os.ReadFile("/proc/stat")
		return string(text)
	}}
}

// ticks returns how long the siblings have computed since the system started, and how long they
// have been there.
func (s *siblings) ticks() (busy, total uint64) {
	if len(s.cpus) == 0 {
		return 0, 0
	}
	for line := range strings.Lines(s.stat()) {
		fields := strings.Fields(line)
		if len(fields) < 9 || !slices.ContainsFunc(s.cpus, func(cpu int) bool { return fields[0] == fmt.Sprint("cpu", cpu) }) {
			continue
		}
		// user, nice, system, idle, iowait, irq, softirq, steal; user includes the guests that
		// follow.
		for i, field := range fields[1:9] {
			n, _ := strconv.ParseUint(field, 10, 64)
			total += n
			if i != 3 && i != 4 && i != 7 {
				busy += n
			}
		}
	}
	return busy, total
}

// watch counts the siblings' time during a slice. It returns the part of all slices' time in which
// they have computed, from 0 to 1. ok is false if that is not known.
func (s *siblings) watch(slice func()) (part float64, ok bool) {
	busy, total := s.ticks()
	slice()
	busyAfter, totalAfter := s.ticks()
	s.busy += busyAfter - busy
	s.total += totalAfter - total
	if s.total == 0 {
		return 0, false
	}
	return float64(s.busy) / float64(s.total), true
}
