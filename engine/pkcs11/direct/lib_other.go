//go:build !windows && !((darwin && !ios && (amd64 || arm64)) || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || (s390x && (cgo || go1.27)))) || ((freebsd || netbsd) && cgo && (amd64 || arm64)))

package direct

import (
	"errors"
	"fmt"
	"runtime"
)

func openLibrary(string) (handle uintptr, err error) {
	return 0, fmt.Errorf("no module can be loaded on %s/%s: leave Options.Load out and use a helper: %w",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

func symbol(uintptr, string) (uintptr, error) { panic("no library was opened") }

func callC(uintptr, ...uintptr) uint64 { panic("no library was opened") }
