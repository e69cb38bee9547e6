// Package asynctls runs the standard library's crypto/tls, unmodified, as jobs: what SSL_MODE_ASYNC is to OpenSSL.
//
// There are three ways in, from the least change to the most:
//
//   - Config, for a plain net/http server: keys of an engine take part in handshakes, bound to each one's context.
//     Lookups is for a GetCertificate that blocks, here as with the next two.
//   - Package tlsserver, for connections by the ten thousand on a few event loops of this project (package reactor).
//   - Conn, for an event loop of your own, over a socket or over two buffers (memory BIOs).
//
// The package does not know the engine. A private key takes part by having a method
//
//	WithContext(context.Context) crypto.Signer
//
// as those of package engine have; with any other key all works as in crypto/tls.
//
// # How a Conn works
//
// Nothing blocks: what can't go on returns one of four errors, and a wake follows each.
//
//	ErrWantRead      SSL_ERROR_WANT_READ       call again when the transport has bytes
//	ErrWantWrite     SSL_ERROR_WANT_WRITE      call again when the transport has sent some of what it holds
//	ErrWantAsync     SSL_ERROR_WANT_ASYNC      call again when the callback was called, or a wait fd is ready
//	ErrWantAsyncJob  SSL_ERROR_WANT_ASYNC_JOB  call again when the callback was called: the pool was at its limit
//
// Calling too early does no harm. The handshake runs as a job out of a pool, whose limit bounds the handshakes under way,
// and that is paused while the transport is empty or the engine computes. An established connection needs neither a job
// nor a goroutine: it is its tls.Conn and little more.
//
// What is easily missed:
//
//   - After an error that Wants denies, call Close until it no longer wants anything. The alert that tells the peer why is
//     lost otherwise.
//   - Write may take a part, or nothing, and return ErrWantWrite: even an echo has to keep the rest.
//   - Write with nothing to write completes the handshake, so that a loop of Write and Read needs no step of its own for
//     it.
//   - HighWater bounds what the Transport holds. With Buffers, take Out only as far as the wire has room.
//
// # What crypto/tls promises, and what was found out
//
// Promised by its documentation: the context given to HandshakeContext is that of ClientHelloInfo and of
// CertificateRequestInfo; one call of Read may be beside one of Write; after an error from Write, all later ones fail; the
// key of a Certificate is any crypto.Signer, and a crypto.Decrypter for RSA key exchange; Config may be shared, and its
// clones after SetSessionTicketKeys share the ticket keys.
//
// Found out, and held by a test each, with this Go and the one before, so that a change is seen at once
// (internal/tlspromises):
//
//   - A net.Error from the transport's Read with Temporary() true is not sticky once the handshake is done, at any byte of
//     a record, also of a message that is not data; what was read so far is kept. It must be that type itself: crypto/tls
//     asserts and does not unwrap.
//   - Any error during the handshake is final, so the handshake must be paused, not failed. Any error from the transport's
//     Write is final, so the transport takes everything.
//   - A paused handshake holds the mutex that ConnectionState takes. HandshakeContext returns before it asks for that, and
//     for its context's Done, exactly when the handshake is done.
//   - The end of a handshake's context closes the connection, from another goroutine, so the context must have none.
//   - GetCertificate is not asked, without SNI, while Certificates is set.
//   - A client that renegotiates does so inside Read, with a background context.
package asynctls
