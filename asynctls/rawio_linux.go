//go:build linux && !race

package asynctls

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// readNow and writeNow call the system without telling Go's scheduler. For a non-blocking
// socket there is nothing to tell, because the call never waits. With one processor, telling
// cost an event loop an eighth of its time, most of it in the runtime's monitor, which looks
// every 20 us whether a call has blocked.

func readNow(fd int, p []byte) (int, error) {
	return result(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func writeNow(fd int, p []byte) (int, error) {
	return result(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func result(n, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
