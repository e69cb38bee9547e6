// Package engine lets you use and write asynchronous crypto engines. It provides a bounded queue,
// workers, and wrappers for keys: a [crypto.Signer], a [crypto.Decrypter] or an
// [ecdh.KeyExchanger] for a private key, and a [Verifier] for a public key.
//
// An engine runs cryptographic operations away from the goroutine that asks for them: on a fixed
// number of workers, in an HSM, or in a key service. [New] makes an engine from a function that
// handles a batch of operations. Two engines are ready to use: package
// [asynccrypto/engine/workers] runs any blocking operation, and package
// [asynccrypto/engine/multibuffer] signs, verifies and agrees on keys eight at a time.
//
// Wrap a private key once, when it is loaded, and use the signer wherever a [crypto.Signer] goes:
//
//	eng, err := workers.New(workers.Options{})
//	signer, err := eng.Signer(key) // also a crypto.Decrypter if key is one
//
// A plain call of Sign blocks its goroutine, so a tls.Config or x509.CreateCertificate can use the
// signer as it is, and gains the engine's batching and bounded queue. If the signer is bound to a
// job's context, by signer.WithContext(ctx), Sign pauses the job (see package
// [asynccrypto/async]), and the application's goroutine goes on with other work. Verifiers and key
// exchangers are used in the same two ways. [Engine.Do] runs every other operation.
//
// Wrap a public key once, too, and share the verifier:
//
//	verifier, err := eng.Verifier(key)
//	err = verifier.Verify(digest, sig, crypto.SHA256) // options as for Sign
//
// An invalid signature's error is [ErrVerification], and no other error is: a verification that was
// cancelled, or came when the engine was closed, has no verdict.
//
// # How a job is woken
//
// Each operation causes exactly one wake, when it is done. If the job's session (an
// [async.WaitCtx]) has a callback at that moment, the engine calls it. Otherwise the session's
// wait fd becomes readable.
//
// The wait fd is an eventfd on Linux, a pipe on other Unix systems, an event object on Windows.
// The engine makes it when a job first waits on a session that has no callback. The fd stays the
// same for the session's life and is closed with it. The key of the fd is the *Engine; if several
// engines work for one session, each has its own fd. The fd is readable while there is a result
// that the job has not seen, so resume the job while the fd is readable.
//
// The engine owns the fd: do not read, close or clear it. Resuming the job makes it unreadable
// again. If you close the fd, the engine may write to another file that has been given the same
// number. If you clear its record, the session no longer lists the fd, and you do not learn when
// the operations in flight are done.
//
// # When the engine is full
//
// The operation waits in line, and the session's status is [async.StatusEAGAIN]. The line is first
// in, first out: when an operation ends, the first operation in line moves into the queue. So each
// operation of a full engine, too, causes exactly one wake, when it is done, and the application
// need not try again. A job that is resumed too early pauses again.
//
// # A key service or an HSM
//
// A key service needs no engine of its own: package [asynccrypto/engine/workers] is enough. Give
// the key a Sign method that makes the blocking call, and wrap the key. The example KeyService of
// that package is a complete program.
//
//	type remoteKey struct {
//		public crypto.PublicKey
//		client *kms.Client
//		id     string
//	}
//
//	func (k *remoteKey) Public() crypto.PublicKey { return k.public }
//
//	func (k *remoteKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
//		return k.client.Sign(context.Background(), k.id, digest, opts.HashFunc())
//	}
//
//	eng, err := workers.New(workers.Options{Workers: 64}) // 64 calls at once
//	signer, err := eng.Signer(&remoteKey{public, client, id})
//
// # Writing an engine
//
// Write a [Handler] if a batch is faster than its operations one by one, or if the service sends
// its answers later and no goroutine should wait for each call. The examples show both. Pass
// [Request.Context] on to the service, so that a call ends when its caller no longer waits for it.
// [Config].Kind says which operations go into one batch. Prepare and PreparePublic do once for each
// key what the Handler would do for each operation. Call [Request.Run] for each operation that the
// engine has no faster method for. The queue, the workers, wakes, wrapped keys, deadlines and
// statistics are the same for all engines.
package engine
