// Package keyserver holds private keys and signs with them for other processes, so that a key need
// not live in every process that needs its signatures. It is the server of package
// [asynccrypto/remote]. The command asynccrypto keyserver runs it.
//
// A [Server] signs for clients in two ways, which may be used together:
//
//	clients            transport                          the client is known by
//	of this machine    [Server.ServeUnix]: plain frames   its user, of the socket's credentials
//	of the network     [Server.RegisterGRPC]: gRPC        the DNS and URI names of its certificate
//
// Nothing is signed for a client that the allow file does not name.
//
// # The allow file
//
// Each line allows something: to a client, by one of its names, an operation with some keys. Lines
// add up, and their order means nothing. A request that no line allows by itself is refused. Every request is
// checked against the file that is in force at that moment. A file with a mistake is refused as a
// whole.
//
//	# PEER                     OPERATION[:WORD,...]  NAME...
//	allow uid:33               sign                  www
//	allow dns:app.example.com  sign:sha256,pss       www api
//	allow spiffe://example/lb  sign:tls13-server     "the key of www"
//
// PEER is compared byte by byte with the names of the client:
//
//	PEER       client
//	uid:N      of a Unix socket: a process whose effective user id was N when it connected
//	user:NAME  the same; the id is looked up when the file is read
//	dns:HOST   of the network: its certificate has the DNS name HOST
//	a URI      of the network: its certificate has the URI
//
// OPERATION is sign. Words restrict it. Those of a row are alternatives, and a signature must
// satisfy every row of which the line has a word:
//
//	WORD                                allows only
//	sha1 sha224 sha256 sha384 sha512    signatures with these hashes; those of Ed25519 and ML-DSA
//	sha512-256 sha3-256 sha3-384        have none, but Ed25519ph has sha512
//	sha3-512 md5sha1
//	nohash                              PKCS #1 v1.5 of any bytes, without the name of a hash, which
//	                                    is allowed nowhere without the word; it is one of the hashes
//	pkcs1 pss                           RSA signatures with these paddings
//	tls13-server tls13-client           messages, sent as a whole, that TLS 1.3 signs in a
//	                                    CertificateVerify of that side (RFC 8446, section 4.4.3)
//
// # Keys
//
// A key is a [crypto.Signer] with an RSA, an ECDSA or an Ed25519 key, or, since Go 1.27, an ML-DSA
// key. Give the server wrapped keys of an engine: package
// [asynccrypto/engine/multibuffer] signs the requests of all clients eight at a time, and package
// asynccrypto/engine/pkcs11 has the keys of tokens. The signatures are those of the standard
// library: RSA with PKCS #1 v1.5 or PSS with a salt of a stated length, ECDSA in ASN.1, Ed25519,
// Ed25519ctx, Ed25519ph, and ML-DSA with a context.
//
// # Bounds
//
// A client is a user of this machine, or a set of names in certificates. [Config] bounds its
// requests at once and its connections, those of gRPC by [Server.Credentials]. A request beyond its
// bound is answered at once, as busy. A client that does not read its answers is closed, and the
// server does not read from a client while too many answers wait for it. So no client can make the
// server use more than a bounded amount of memory.
//
// # Audit
//
// The audit log has a line of JSON for each signature and for each refusal, but none for a request
// over a bound or during a shutdown. A signature is given only when its line has been written,
// unless [Config].AuditOptional is set. Neither the log, nor an answer, nor an error has a secret
// in it.
//
// A client can have itself refused without end, and must not fill the disk by that. So the refusals
// of a client have up to 1,000 lines at once, and one more with each second. The others are counted
// in a line that comes within a minute, or when the server is closed. Signatures always have a line
// each.
//
//	field      contents
//	"time"     RFC 3339 in UTC, with milliseconds: when the request came
//	"peer"     the client's name that the allow file has, or all names if the request is refused
//	"key"      the name of the key
//	"op"       "sign"
//	"hash"     a word of the allow file; not of Ed25519 and ML-DSA
//	"padding"  "pkcs1" or "pss", of RSA keys
//	"context"  "tls13-server" or "tls13-client", of such a message
//	"digest"   in hexadecimal, the first 8 bytes of the digest, or, without a hash, of the SHA-256
//	           of the signed bytes
//	"hedge"    in hexadecimal: requests with the same one ask several servers for one signature
//	"ms"       how long the request took, in milliseconds
//	"result"   "ok" for a signature, or why there is none: "denied", "no key", "bad request",
//	           "failed", "expired", "unavailable"; or "refused", for refusals without a line of
//	           their own; the peer of those of all clients after the first 256 is "others"
//	"refused"  of the result "refused": how many they are
package keyserver
