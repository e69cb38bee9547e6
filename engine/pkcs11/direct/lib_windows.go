package direct

import (
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// openLibrary has Windows look for the libraries that the module needs beside it.
func openLibrary(path string) (handle uintptr, err error) {
	var flags uintptr
	if filepath.IsAbs(path) { // else LoadLibraryEx does not define what the flag does
		flags = windows.LOAD_WITH_ALTERED_SEARCH_PATH
	}
	h, err := windows.LoadLibraryEx(path, 0, flags)
	return uintptr(h), err
}

func symbol(handle uintptr, name string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(handle), name)
}

// callC calls a C function. Addresses among args have to be of memory that does not move: that of a
// [memory], or C's own. The upper half of the register with the result says nothing.
func callC(fn uintptr, args ...uintptr) uint64 {
	rv, _, _ := syscall.SyscallN(fn, args...)
	return uint64(uint32(rv))
}
