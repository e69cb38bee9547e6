//go:build !linux

package engine

import (
	"fmt"
	"runtime"
)

func setNice(nice int) error {
	return fmt.Errorf("nice %d: threads have no priority of their own on %s", nice, runtime.GOOS)
}

func yield() {}
