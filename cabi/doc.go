// Package cabi holds no Go: its folder is libasync, a C library that implements <openssl/async.h>.
//
// A C program that includes that header links with libasync unchanged, also beside a TLS library that has no such
// facility; and what was linked with libcrypto (libssl, openssl, HAProxy, an engine) runs on it when it is preloaded.
// README.md says how, and what holds; src is the library, man its manual, test its tests in C, which the tests of this
// package build and run in all variants.
//
// It is plain C11 with the switch of stacks in assembly. A Go runtime inside, as the other packages' semantics would
// suggest, was tried: a Go call costs 50 ns, half of what libcrypto takes to pause and resume a job, so that everything of
// a job and a session had to live in C anyway. What was left for Go to do would have been to start threads, and to keep
// forked children from working. What package async and libasync have in common is tested in common, by
// internal/difftest.
package cabi
