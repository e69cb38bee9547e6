//go:build !linux

package difftest

import "fmt"

func openDirect(library string) (version, func(*machine) side, error) {
	return 0, nil, fmt.Errorf("%w: %s is loaded into the test's process on Linux only", errMissing, library)
}
