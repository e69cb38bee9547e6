// Package gid tells goroutines apart.
//
// A job may pause only from its own goroutine: a coroutine switch from another one corrupts the
// runtime's state and kills the process. Go hides the identity of a goroutine on purpose. So this
// package serves only that check, and the refusal of a Close that would wait for its own caller.
// State is kept by goroutine in two cases only: for the diagnosis that ASYNCCRYPTO_CHECK asks for,
// and in package asynctls, to find the job of a function that crypto/tls calls without a context.
package gid

// Get returns a number that no other goroutine alive at this moment has. On amd64 and arm64 it is
// the address of the goroutine's descriptor, and reading it costs about a nanosecond. Elsewhere it
// is the goroutine's id, and reading it costs about a microsecond. After a goroutine has ended
// another may get its number.
func Get() uintptr { return get() }
