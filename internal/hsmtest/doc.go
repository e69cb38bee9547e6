// Package hsmtest makes tokens for tests and measurements: real PKCS #11 modules with keys, in
// directories that are removed at the end. It is for Linux, and runs the programs that come with
// the modules.
//
//	| function         | module                     | Debian packages                                    |
//	| [SoftHSM]        | SoftHSM 2                  | softhsm2                                           |
//	| [NSS]            | softokn of Mozilla's NSS   | libnss3 libnss3-tools openssl                      |
//	| [Opencryptoki]   | opencryptoki's soft token  | opencryptoki opensc                                |
//	| [TPM2]           | tpm2-pkcs11 on a software  | libtpm2-pkcs11-1 libtpm2-pkcs11-tools swtpm        |
//	|                  | TPM behind a broker        | libtss2-tcti-swtpm0 tpm2-abrmd tpm2-tools          |
//	|                  |                            | libtss2-tcti-tabrmd0 dbus-daemon                   |
//	| [Proxy]          | a module that delays and   | gcc libc6-dev                                      |
//	|                  | fails another one's calls  |                                                    |
//	| [Server]         | p11-kit server             | p11-kit                                            |
//
// A test that lacks a program or a module skips, or fails if the environment has CI=true. The
// processes that use a module are told where its token is by the environment, so these functions
// set variables of this process with Setenv: a test that calls them cannot be parallel, and holds
// one token of a kind at a time.
//
// [Operations] lists the operations that a key may be able to do, and [Operation.Try] tries one.
package hsmtest
