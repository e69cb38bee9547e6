// Package interop tests package engine/multibuffer with programs and libraries of others: golang.org/x/crypto/ssh,
// github.com/golang-jwt/jwt/v5, hash functions from elsewhere, crypto/tls, and the openssl command, which verifies what was
// signed. It has tests only.
package interop
