// Package engine lets you write and use asynchronous crypto engines: a bounded queue, workers,
// and [crypto.Signer] wrappers for private keys.
//
// An engine runs cryptographic operations somewhere else: on a fixed number of workers, eight at
// a time, in an HSM, in a key service. [New] makes one from a function that handles a batch of
// operations. Ready-made engines are package workers, which runs any blocking operation, and
// package multibuffer, which computes RSA signatures eight at a time.
//
// Wrap a private key once, when it is loaded, and use the signer wherever a [crypto.Signer] goes:
//
//	eng, err := workers.New(workers.Options{})
//	signer, err := eng.Signer(key) // also a crypto.Decrypter if key is one
//
// A plain call blocks its goroutine, so a tls.Config or x509.CreateCertificate can use the signer
// as it is; it gains the engine's batching and its bounded queue. Bound to a job's context by
// signer.WithContext(ctx), the same call pauses the job (see package async) and the application's
// goroutine goes on with other work. Operations other than signatures and decryptions go through
// [Engine.Do].
//
// # How a job is woken
//
// Each operation causes exactly one wake, when it is done. If a callback is set on the job's
// session (an [async.WaitCtx]) at that moment it is called; otherwise the session's wait fd
// becomes readable.
//
// The wait fd is an eventfd on Linux, a pipe on other Unix systems, an event object on Windows.
// The engine makes it when a job first waits on a session that has no callback. The fd stays the
// same for the session's life and is closed with it. Its key is the *Engine; several engines on
// one session have an fd each. It is readable while there is a result that the job has not seen,
// so resume the job when it is.
//
// The engine owns the fd: do not read, close or clear it. Resuming the job makes it unreadable
// again. If you close it the engine may write to another file that has been given its number. If
// you clear its record the session no longer lists it, and nothing tells you of the operations in
// flight.
//
// # When the engine is full
//
// The operation waits in line and the session's status is async.StatusEAGAIN. The line is first
// in, first out, and an operation that ends moves the first in line into the queue. So a full
// engine too causes exactly one wake for each operation, when it is done, and nobody has to try
// again. A job that is resumed too early pauses again.
//
// # A key service or an HSM
//
// You need not write an engine for one: package workers alone is enough. Give the key a Sign
// method that makes the blocking call, and wrap it. An example of package workers is such a
// program as a whole.
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
// Write a [Handler] when a batch is faster than its operations one by one, or when the service
// answers on its own later, so that no goroutine has to wait for each call. The examples show
// both. The queue, the workers, wakes, signers, deadlines and statistics are the same for all
// engines.
package engine
