// Package pkcs11 is an engine for private keys in an HSM, a TPM or another token that has a PKCS #11
// module. It needs no cgo, and it works on every system that Go works on.
//
//	uri := "pkcs11:token=web?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin"
//	token, err := pkcs11.Open(uri, pkcs11.Options{})
//	signer, err := token.Signer("pkcs11:object=site") // a crypto.Signer
//
// The module is loaded by helper processes, one for each operation that is under way at the same
// time. A helper is the program p11-kit with the command "remote"; this package speaks its protocol.
// So an operation that waits for the token costs a socket and not a thread. A module that crashes or
// hangs ends a helper, which is replaced, and not this process. [Options].Connect reaches a module
// elsewhere: behind the socket of a p11-kit server, or on another machine by ssh. To load the module
// into this process, use package [asynccrypto/engine/pkcs11/direct].
//
// Use the signers as those of any engine (see package [asynccrypto/engine]): a plain call of Sign
// blocks its goroutine, and in a job it pauses the job.
//
// # Which keys
//
//	key                    operations                                    mechanism
//	RSA                    Sign: PKCS #1 v1.5                            CKM_RSA_PKCS
//	RSA                    Sign: PSS                                     CKM_RSA_PKCS_PSS
//	RSA with CKA_DECRYPT   Decrypt: PKCS #1 v1.5                         CKM_RSA_PKCS
//	RSA with CKA_DECRYPT   Decrypt: OAEP                                 CKM_RSA_PKCS_OAEP
//	ECDSA                  Sign, P-224 to P-521                          CKM_ECDSA
//	Ed25519                Sign a message, not Ed25519ph                 CKM_EDDSA
//
// The caller hashes, so no mechanism with a hash is used. Modules differ in the options of PSS and
// OAEP that they take. An option that the module refuses is an error of the operation.
//
// # Errors
//
// An operation that fails because of its input, its options or its key returns an error that wraps
// the module's [Error]. An operation that fails because the token cannot be reached, has gone, does
// not answer or is waiting to be connected again returns an error that wraps
// [engine.ErrUnavailable]; package [asynccrypto/engine/fallback] then asks the next place that has
// the key. A lost session is replaced, and the operation is tried once more, without an error.
//
// When the token has gone, it is connected again at once, and operations wait for the outcome. If
// that fails, the token is down: operations fail at once, and the package tries to connect in the
// background, after [Options].Retry at first. [Token.Health] returns the state.
//
// [Open] fails if the token is away, unless [Options].AllowDown is set; [Token.SignerOf] then gives a
// key whose public key is known. A key that the token does not have any more, or in whose place it has
// another one, is unavailable.
//
// An operation whose context has a fallback ([engine.WithFallback]), such as an operation of a
// chain, waits for a busy session. It does not wait for a session that has to be connected again,
// but fails at once.
//
// # PINs
//
// Tokens lock themselves after a few wrong PINs. So a PIN that the token refuses is refused for
// good: no session and no reconnect tries a PIN again, and every operation fails with [ErrPIN]
// until the Token is closed and opened with another PIN. Sessions log in one after another, so a
// wrong PIN costs one try, whatever the number of sessions. If the answer to a login is lost, because
// the module ends or hangs, the token's flag of a wrong PIN tells whether the PIN was refused. If the
// token says that the next wrong PIN locks it, no login is tried, unless [Options].LastTry is set. PINs are in no error and in no
// log.
package pkcs11
