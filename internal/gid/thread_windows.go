package gid

import "syscall"

var getCurrentThreadID = syscall.NewLazyDLL("kernel32.dll").NewProc("GetCurrentThreadId")

// Thread returns the number of the calling goroutine's thread, or 0 on systems where this package
// cannot tell threads apart. The goroutine must be locked to its thread for the number to mean
// anything afterwards.
func Thread() int {
	id, _, _ := getCurrentThreadID.Call()
	return int(id)
}
