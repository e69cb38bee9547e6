// Package tlspromises has no code. Its tests hold what package asynctls has found out about crypto/tls and relies on,
// without its documentation promising it. It is a module of its own, and imports the standard library alone, so that
// the tests run with the Go before the one that the rest needs, too: a change in Go is seen at once.
package tlspromises
