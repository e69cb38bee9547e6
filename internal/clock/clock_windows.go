package clock

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Both functions exist, and cannot fail, on all versions of Windows that Go supports.
var (
	kernel32  = windows.NewLazySystemDLL("kernel32.dll")
	counter   = kernel32.NewProc("QueryPerformanceCounter").Addr()
	frequency = read(kernel32.NewProc("QueryPerformanceFrequency").Addr())
)

// read calls a function that stores a number where its argument points.
func read(function uintptr) (n int64) {
	syscall.SyscallN(function, uintptr(unsafe.Pointer(&n)))
	return n
}

// Now returns the time since some moment before the program's first call. Only the difference
// between two calls means anything. In a bubble of testing/synctest it is not the bubble's time.
func Now() time.Duration {
	ticks := read(counter)
	seconds, rest := ticks/frequency, ticks%frequency // their product with 1e9 does not overflow
	return time.Duration(seconds)*time.Second + time.Duration(rest*int64(time.Second)/frequency)
}
