package harness

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// ChoosePin picks the CPU that the measured processes run on: the last one we may use, as
// interrupts prefer the first ones. It tries the pinning too: where changing the affinity is
// forbidden, the error says so and nothing is pinned.
func ChoosePin() (int, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return NoPin, fmt.Errorf("reading the allowed cpus: %w", err)
	}
	cpu := NoPin
	for i := range len(allowed) * 64 {
		if allowed.IsSet(i) {
			cpu = i
		}
	}
	if err := pinned(cpu, func() error { return nil }); err != nil {
		return NoPin, err
	}
	return cpu, nil
}

// choosePins returns the CPUs of [Run.PinServers].
func choosePins() (servers, clients int, err error) {
	if servers, err = ChoosePin(); err != nil {
		return NoPin, NoPin, err
	}
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return NoPin, NoPin, fmt.Errorf("reading the allowed cpus: %w", err)
	}
	clients = servers
	for i := range servers {
		if allowed.IsSet(i) {
			clients = i
		}
	}
	return servers, clients, nil
}

// prior calls start in such a way that the process which it starts runs before all others: in
// real time, or else at a higher priority. Either takes a privilege; without it start is called
// as it is. Prior returns how the process runs.
func prior(start func() error) (how string, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A process inherits both from the thread that forks it.
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return "at the same priority", start()
	}
	undo := func() { unix.SchedSetAttr(0, before, 0) }
	if unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}, 0) == nil {
		defer undo()
		return "in real time", start()
	}
	if unix.Setpriority(unix.PRIO_PROCESS, 0, int(before.Nice)-5) == nil {
		defer undo()
		return "at a higher priority", start()
	}
	return "at the same priority", start()
}

// StartOn starts the process on one CPU, or anywhere for [NoPin].
func StartOn(cpu int, cmd *exec.Cmd) error {
	if cpu == NoPin {
		return cmd.Start()
	}
	return pinned(cpu, cmd.Start)
}

// pinned calls f on a thread that may run on one CPU only. A child process inherits that from
// the thread that forks it, so it is in force before the child's first instruction: the Go
// runtime in it counts one CPU and makes one P.
func pinned(cpu int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("reading the allowed cpus: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("pinning to cpu %d: %w", cpu, err)
	}
	defer unix.SchedSetaffinity(0, &before)
	return f()
}
