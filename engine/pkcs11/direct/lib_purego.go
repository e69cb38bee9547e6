//go:build (darwin && !ios && (amd64 || arm64)) || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || (s390x && (cgo || go1.27)))) || ((freebsd || netbsd) && cgo && (amd64 || arm64))

package direct

import "github.com/ebitengine/purego"

func openLibrary(path string) (handle uintptr, err error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func symbol(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }

// callC calls a C function. Addresses among args have to be of memory that does not move: that of a
// [memory], or C's own.
func callC(fn uintptr, args ...uintptr) uint64 {
	rv, _, _ := purego.SyscallN(fn, args...)
	return uint64(rv)
}
