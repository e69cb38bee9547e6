//go:build !linux

package difftest

import "fmt"

func openDirect(library string) (func(*machine) side, error) {
	return nil, fmt.Errorf("%w: %s is loaded into the test's process on Linux only", errMissing, library)
}
