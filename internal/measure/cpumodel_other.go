//go:build !linux && !darwin && !windows

package measure

// cpuModel returns no name: each of the other systems has a way of its own to tell it.
func cpuModel() string { return "" }
