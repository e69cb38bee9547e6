// Package engine is what it takes to be an async-capable engine, and what users of one hold.
//
// An engine does cryptographic operations somewhere else: on a bounded set of workers, eight at a time, in an HSM. A
// user wraps a key,
//
//	eng, err := workers.New(workers.Options{})
//	signer, err := eng.Signer(key) // a crypto.Signer, and a crypto.Decrypter if key is one
//
// and signs. A plain call blocks its goroutine, so that a tls.Config or x509.CreateCertificate can use the signer as it
// is, and gains the engine's batching and its bounded queue. Bound to a job's context, by signer.WithContext(ctx), the
// same call pauses the job (package async), and the application's goroutine goes on with other work. Operations other
// than signatures and decryptions are submitted with [Engine.Do].
//
// # How a job is woken
//
// Once for each operation, when it is done: by the callback that is then set on its session (async.WaitCtx), else by the
// session's wait fd. The fd is an eventfd on Linux, a pipe on other Unix systems, an event object on Windows. An engine
// makes it when a job first waits on a session without a callback; it stays the same for the session's life and is closed
// with it. Its key is the *Engine. Several engines on one session have an fd each. The fd is readable while a result is
// there that its job has not seen: resume, don't read it. It is the engine's. Don't close it: its number may then come to
// be another file's, which the engine would write to. Don't clear its record: the session no longer lists it, and nothing
// tells of the operations then in flight.
//
// # When the engine is full
//
// The session's status is StatusEAGAIN, and the operation stands in line, in the order of arrival. Whoever makes room
// moves the first in line in. So there is one wake for each operation here too, when it is done, and never a need to try
// again. A job that is resumed too early pauses again.
//
// # Writing an engine
//
// What differs between engines is one function, the [Handler]: it is given a batch of requests, does them, and completes
// each. See the example. Queue, workers, waking, signers, deadlines and figures are the same for all.
package engine
