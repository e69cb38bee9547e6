//go:build !amd64 || purego

package ifma

import "runtime"

func cpuSupport() string {
	if runtime.GOARCH != "amd64" {
		return "no kernels for " + runtime.GOARCH
	}
	return "built with the tag purego"
}
