// Package interop tests package engine/multibuffer with other people's programs and libraries:
// golang.org/x/crypto/ssh, hash functions from other modules, crypto/tls, and the openssl command,
// which verifies the signatures. It also has golang-jwt, go-jose and jwx verify each other's tokens,
// by the modules in interop. It has tests only.
package interop
