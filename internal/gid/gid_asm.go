//go:build amd64 || arm64

package gid

//go:noescape
func get() uintptr
