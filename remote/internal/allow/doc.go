// Package allow decides which client of a key server may sign what with which key, by the server's
// allow file.
//
// # The allow file
//
// Each line allows something. Anything else is refused, so an empty file allows nothing.
//
//	# PEER               OPERATION[:WORD,...]       NAME...
//	allow dns:app                sign                       web api
//	allow spiffe://corp/edge     sign:tls13-server          web
//	allow uid:33                 sign:sha256,sha384,pss     web
//	allow user:backup            sign:pkcs1,sha256          "backup of 2026"
//
// Blanks and tabs separate the parts of a line. A # at the start of a line or after a blank begins
// a comment.
//
// PEER names the client:
//
//	| PEER      | client                                                                         |
//	|-----------|--------------------------------------------------------------------------------|
//	| uid:N     | of a Unix socket: a process whose effective user id was N when it connected    |
//	| user:NAME | the same; the user's id is looked up when the file is read                     |
//	| dns:HOST  | of the network: its certificate has the DNS name HOST                          |
//	| a URI     | of the network: its certificate has the URI, such as spiffe://corp/edge        |
//
// Names are compared byte by byte: there are no patterns, and upper case is not lower case. A
// certificate may hold several names; a line for any of them is enough. The certificate's common
// name counts for nothing.
//
// OPERATION is sign. Words behind it restrict it:
//
//	| WORD                      | the line allows only                                              |
//	|---------------------------|-------------------------------------------------------------------|
//	| sha1 sha224 sha256 sha384 | signatures with these hashes. Ed25519 and ML-DSA have no hash, so |
//	| sha512 sha512-256 md5sha1 | a line with hashes does not allow them; Ed25519ph has sha512      |
//	| sha3-256 sha3-384         |                                                                   |
//	| sha3-512                  |                                                                   |
//	| nohash                    | RSA signatures with PKCS #1 v1.5 of any bytes, without the name   |
//	|                           | of a hash. It is one of the hashes. No line allows this without   |
//	|                           | the word. Those of md5sha1 have no name either, but 36 bytes      |
//	| pkcs1 pss                 | RSA signatures with these paddings                                |
//	| tls13-server tls13-client | handshakes of TLS 1.3 (RFC 8446, section 4.4.3): the client sends |
//	|                           | the whole message, and the message has the form for that side     |
//
// Words of the same row of the table are alternatives. A signature must satisfy every row of which
// the line has a word. Without words any hash, padding and message is allowed, but not nohash.
//
// NAME is a key's name. A name with blanks, quotes, a *, a leading # or characters that cannot be
// seen stands in double quotes, with the escapes of Go.
//
// Lines add up: a signature is allowed if one line allows it by itself. Words of different lines do
// not mix. Their order means nothing, and no line takes away what another allows.
//
// A file with a mistake in it is refused as a whole.
package allow
