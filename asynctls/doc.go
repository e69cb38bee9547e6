// Package asynctls runs the standard library's crypto/tls, unmodified, in jobs (package async). It
// does for Go what SSL_MODE_ASYNC does for OpenSSL: while an engine computes a handshake's
// signature, the handshake's job is paused, and the goroutine or event loop that drives it serves
// other connections.
//
// There are three ways to use it. Give the last two a configuration that [Config] has prepared,
// too. Give any of them one that [Lookups] has prepared if a function of the tls.Config blocks,
// such as GetCertificate.
//
//	use               for                                                   memory of a connection
//	Config            net/http, and servers with a goroutine a connection   goroutine, tls.Conn
//	tlsserver.Server  tens of thousands of connections on our event loops   tls.Conn
//	Conn              an event loop of yours, such as gnet or epoll, over   tls.Conn
//	                  a Socket, or over Buffers in memory (memory BIOs)
//
// The package does not depend on package engine. A private key takes part if it has the method
//
//	WithContext(context.Context) crypto.Signer
//
// as the signers of package engine do. With any other key everything works as in crypto/tls.
//
// # Conn
//
// A [Conn] never blocks. A method that cannot go on returns one of four errors, and is called
// again later:
//
//	error            OpenSSL                   why                   call the method again
//	ErrWantRead      SSL_ERROR_WANT_READ       no input              when input has arrived
//	ErrWantWrite     SSL_ERROR_WANT_WRITE      much output is held   when some of it was sent
//	ErrWantAsync     SSL_ERROR_WANT_ASYNC      an engine computes    at the wake
//	ErrWantAsyncJob  SSL_ERROR_WANT_ASYNC_JOB  the pool is full      at the wake
//
// The wake is a call of the function set by [Conn.SetAsyncCallback]. Without a callback, a wait fd
// of [Conn.AllAsyncFDs] becomes readable after ErrWantAsync, but nothing reports that the pool has
// room again.
//
// Calling too early does no harm. The handshake runs as a job from a pool, whose limit bounds
// the handshakes under way. The job is paused while there is no input, or while the engine
// computes. An established connection needs neither a job nor a goroutine: it is a tls.Conn and
// little more.
//
// Easily missed:
//
//   - If [Wants] is false for an error, the connection has failed. Call Close as long as it
//     returns ErrWantWrite, or the TLS alert that tells the peer why is lost.
//   - Read may return data together with io.EOF or another error. Use the data first; the next
//     Read returns the error again.
//   - Write may take a part of the data, or nothing, and return ErrWantWrite. Even an echo has
//     to keep the rest.
//   - Write with an empty slice completes the handshake, so a loop that calls Write and Read needs
//     no separate call of Handshake.
//   - HighWater of [Options] bounds the output that the [Transport] holds. With [Buffers], take
//     from Out only as many bytes as the wire has room for.
//
// # An event loop of your own
//
// The last error of each direction decides which events of the socket the loop watches for:
//
//	last error        watch for input                          watch for output
//	none, while open  yes, if you want to read                 while Buffered is more than 0
//	ErrWantRead       yes                                      while Buffered is more than 0
//	ErrWantWrite      from Read or Close: no; else as before   yes
//	ErrWantAsync      no, until the wake                       while Buffered is more than 0
//	ErrWantAsyncJob   no, until the wake                       while Buffered is more than 0
//
// When there is room for output, call the transport's Flush, and then the method that returned
// ErrWantWrite. After a wake, and after the handshake, read until ErrWantRead, whether or not
// the socket is ready: the Conn, or crypto/tls, may hold input already.
//
// An edge-triggered loop may watch for everything all the time. So may a level-triggered loop,
// with one exception. If such a loop, because input is ready, calls a Conn whose operation is
// paused after ErrWantAsync or ErrWantAsyncJob, the Conn takes that input from the transport, up
// to HighWater, and the socket is no longer readable. Each piece of input thus costs one call, and
// the loop does not spin. The Conn reads these bytes before anything else, in order, and frees the
// memory with the last byte; a loop that waits for the wake never needs the memory. Deadlines are
// not affected.
//
// The exception is a peer that sends more than HighWater while the operation is paused, or that
// closes the connection. What exceeds HighWater stays in the socket, and the end of a stream
// cannot be taken from a socket: it stays readable until the wake, and a level-triggered loop
// that goes on watching for input spins until then. So stop watching, as the table says.
//
// # Properties of crypto/tls that the package relies on
//
// The documentation of crypto/tls promises that the context given to HandshakeContext is that
// of ClientHelloInfo and of CertificateRequestInfo; that one call of Read may be concurrent
// with one of Write; that after an error of Write all later calls fail; that the key of a
// Certificate is any [crypto.Signer], and a [crypto.Decrypter] for RSA key exchange; and that a
// Config may be shared, and shares its ticket keys with its clones after SetSessionTicketKeys.
//
// The documentation does not promise the following properties; they were found by experiment. For
// each point internal/tlspromises has a test, which runs with this version of Go and with the one
// before, so a change is noticed at once.
//
//   - After the handshake, a net.Error from the transport's Read with Temporary() true is not
//     sticky, at any byte of a record, even of a message that is not data: the bytes read so
//     far are kept. The error must have that type itself: crypto/tls uses a type assertion and
//     does not unwrap.
//   - During the handshake any error is final, so the handshake must be paused, not failed. Any
//     error from the transport's Write is final, so the transport takes everything.
//   - A paused handshake holds the mutex that ConnectionState takes. If the handshake is done,
//     and only then, HandshakeContext returns before it takes that mutex or asks its context
//     for Done.
//   - When a handshake's context ends, crypto/tls closes the connection from another goroutine,
//     so the context must never end.
//   - GetCertificate is not called for a client without SNI while Certificates is set.
//   - A client renegotiates inside Read, with a background context.
//   - The functions of a Config, also those without a context, are called on the goroutine that
//     handshakes or, in a renegotiation, reads.
//   - Read reads from the transport only if crypto/tls holds no whole record.
//   - After CloseWrite crypto/tls goes on writing when it reads. A KeyUpdate changes the key for
//     reading only if the write of its answer succeeds; a renegotiation begins with a write, and
//     ends at once if that fails.
package asynctls
