// Package tlspromises has no code. Its tests hold what package asynctls has found out about
// crypto/tls and relies on, although the documentation of crypto/tls does not promise it. It is
// a module of its own and imports nothing but the standard library, so that the tests also run
// with the version of Go before the one that the rest needs. A change in Go is noticed at once.
package tlspromises
