package measure

import "golang.org/x/sys/unix"

// cpuModel returns the CPU's name, empty if the kernel does not give it.
func cpuModel() string {
	name, _ := unix.Sysctl("machdep.cpu.brand_string")
	return name
}
