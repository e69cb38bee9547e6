// Package cabi has no Go code of its own: its folder holds libasync, a C library that implements
// <openssl/async.h>.
//
// A C program that includes this header links with libasync unchanged, also beside a TLS library
// that has no asynchronous jobs. A program that was linked with libcrypto (libssl, openssl,
// HAProxy, an engine) runs on libasync when the library is preloaded. README.md explains how to
// build and use the library, and lists its guarantees. The library is in src, its manual pages are
// in man, and its tests in test: C programs, which the tests of this package build and run in all
// variants.
//
// The library is plain C11; only the switch of stacks is assembly. We tried a Go runtime inside,
// to share the code of package async. But a call from C into Go takes 50 ns, half of the time in
// which libcrypto pauses and resumes a job, so all state of jobs and sessions had to be in C
// anyway. Go would only have started threads and stopped forked children from working. Package
// async and libasync share their tests instead: internal/difftest runs on both.
package cabi
