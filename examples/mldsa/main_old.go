//go:build !go1.27

// Mldsa serves TLS with an ML-DSA certificate. It needs Go 1.27.
package main

import "log"

func main() { log.Fatal("mldsa: build it with Go 1.27 or later, which has crypto/mldsa") }
