package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollNow is epoll_wait without waiting. So it need not tell Go's scheduler, which would cost
// more than the call and wake the runtime's monitor.
func epollNow(epfd int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
