// Package fallback lets a private key be in several places: an HSM, a second HSM, a file. [New]
// makes one signer, a chain, of the signers that have the key. The chain asks them in the order of
// the arguments.
//
//	signer, err := fallback.New(fallback.Options{},
//		fallback.Member{Name: "hsm", Signer: first, Timeout: 100 * time.Millisecond},
//		fallback.Member{Name: "hsm2", Signer: second, Timeout: 100 * time.Millisecond},
//		fallback.Member{Name: "file", Signer: third},
//	)
//
// Use the signer wherever a [crypto.Signer] goes, and bind it to a job by WithContext as a signer
// of package [asynccrypto/engine]. In a job, each member that an engine works for pauses the job.
// Do not wrap the signer by an engine: its members are bound to their engines already.
//
// # When the next member is asked
//
// The next member is asked if a member's error is [engine.ErrUnavailable], or if the member does
// not answer within its Timeout. Every other error is the answer, because the next member would
// give it too: a digest of a wrong length, options that the key does not take, a ciphertext that
// does not decrypt. When the caller's own context is done, the operation ends with that context's
// error, and no further member is asked. If all members fail, the error names each of them with its
// error, and is [engine.ErrUnavailable].
//
// Every member but the last is bound to a context of [engine.WithFallback]. So a token of package
// [asynccrypto/engine/pkcs11] that has gone fails the operation at once, and is connected again in
// the background. The last member, and a probe, wait for the token as long as they may. A chain that
// is itself a member of a chain passes the context on.
//
// # Breakers
//
// A member that fails several times in a row is passed over, without a wait, until it works again.
// Its [Breaker] has three states:
//
//	Closed    the member is asked
//	Open      the member is passed over
//	HalfOpen  a probe shows whether the member works again; all else passes it over
//
// So operations wait for a member that hangs only until its breaker opens. The last member is asked
// in every state: there is no other.
//
// A probe is a signature of random bytes, made in the background once in each Cooldown, and
// verified with the public key: RSA by PKCS #1 v1.5 with SHA-256, ECDSA with the hash of the
// curve's size, Ed25519 and ML-DSA of a message. A wrong signature is a failure. No caller waits for
// a probe. It may take as long as the member's Timeout, or 10 s if that is 0; only a key without
// WithContext can make it last longer, and then no other probe begins.
//
// A key may be unable to make a probe: it only decrypts, its place refuses that kind of signature,
// or the public key is of a type that package engine does not verify. The callers' operations then
// take the place of the probe, one at a time, until one succeeds.
//
// A ciphertext that does not decrypt is the caller's doing and says nothing about the member: it
// neither opens a breaker nor closes one.
package fallback
