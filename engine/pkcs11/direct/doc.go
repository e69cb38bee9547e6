// Package direct loads a PKCS #11 module into this process, for package
// [asynccrypto/engine/pkcs11]. It needs no cgo.
//
//	token, err := pkcs11.Open(uri, pkcs11.Options{Load: direct.Load})
//
// Without this package, helper processes load the module. They are the better choice for most
// programs. Use this package if
//
//   - there is no p11-kit where the program runs, or no second process may be started,
//   - the module has to be in the process of its user, because its license or its device says so, or
//   - the time matters that an operation takes longer through a helper: on two shared cores of an
//     AMD EPYC, 10 microseconds when they are idle and 100 when they are busy.
//
// # Costs
//
// Each call that is under way keeps a thread busy, where a helper costs a socket. Options.Sessions
// of package pkcs11 bounds them.
//
// The module shares the program's memory. If the module crashes, the program crashes too. A PIN is
// in the program's memory while the module uses it.
//
// A call that hangs cannot be ended. After Options.Hang the operation returns an error, and the
// call keeps its thread and its session until it returns. When 64 calls of a module hang, it gets
// no further connection.
//
// # One module, several tokens
//
// A module is loaded and initialized once, whatever the number of Tokens that use it, also by
// different paths to its file. The last Token's Close finalizes it. A module that other code in the
// process has initialized is used, and not finalized.
//
// A token that was away is often found again only after the module was finalized and initialized
// anew, which ends the sessions with all its tokens. This package does that when a Token connects
// again, unless another session of the module is open or a call hangs. So a Token that is idle, and
// not closed, can keep another one of the same module down.
//
// # Systems
//
//	Windows                amd64, arm64, 386
//	macOS                  amd64, arm64
//	Linux                  amd64, arm64, 386, arm, loong64, ppc64le, riscv64; s390x with cgo or Go 1.27
//	FreeBSD, NetBSD        amd64, arm64; with cgo
//
// It is tested on Linux on amd64. On Linux without cgo the program is linked dynamically with
// glibc, so it does not run on Alpine; with cgo it does. On other systems [Load] returns an error
// that wraps [errors.ErrUnsupported].
package direct
