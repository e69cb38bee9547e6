//go:build !unix

package serve

const hasProxy = false
