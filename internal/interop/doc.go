// Package interop tests package engine/multibuffer with other people's programs and libraries:
// golang.org/x/crypto/ssh, github.com/golang-jwt/jwt/v5, hash functions from other modules,
// crypto/tls, and the openssl command, which verifies the signatures. It has tests only.
package interop
