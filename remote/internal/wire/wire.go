// Package wire has the messages between a client and a key server: as Go structs, and as frames on
// a Unix socket. On the network the same messages travel by gRPC (package keyserverpb).
//
// # Frames
//
// A frame is a number of 4 bytes, then a body of that length. All numbers are unsigned and big
// endian. No body is longer than the MaxFrame that its receiver stated; an empty body is an error.
//
// The first frame in each direction is a hello, the client's first. Then the client sends requests
// and the server answers, in any order. The client may send many requests without waiting, but no
// more than the server's hello allows in flight. The server may close the connection after an
// answer with the number 0; it takes the place of the hello if the server refuses the client.
//
// # Hello
//
// The client states the oldest and the newest version that it speaks. The server answers the
// version that it chose, in both fields. All later frames are those of the chosen version. Later
// versions keep the layout of the hello and may append to it, so bytes after the known ones are
// ignored.
//
//	offset  bytes  field
//	0       4      magic: the ASCII characters "AKSP"
//	4       2      Min: the oldest version
//	6       2      Max: the newest version
//	8       4      MaxFrame: the longest body that the sender accepts; of the client at least 32,768
//	               (MinFrame), of the server at least 69,632 (MaxRequest)
//	12      4      InFlight: of the server: the most requests at once; of the client: 0
//	16             ignored
//
// # Request, version 1
//
//	offset  bytes  field
//	0       8      ID: not 0; unique among the connection's requests in flight
//	8       1      Op: 1 sign, 2 list, 3 ping
//	9       1      Hash: see below
//	10      1      Padding: 0 none (keys other than RSA), 1 PKCS #1 v1.5, 2 PSS
//	11      1      flags: bit 0: Data is the whole message, which the server hashes; the others are 0
//	12      2      Salt: of PSS: the length of the salt in bytes; otherwise 0
//	14      1      c: the length of Context
//	15      1      n: the length of Name
//	16      4      Timeout: the time left until the deadline, in milliseconds; 0: no deadline
//	20      8      Hedge: 0, or a number that requests to several servers for one signature share
//	28      32     Key: SHA-256 of the DER SubjectPublicKeyInfo; or 0
//	60      c      Context: of Ed25519ctx, Ed25519ph and ML-DSA
//	60+c    n      Name: UTF-8
//	60+c+n         Data: the rest of the body, at most 65,536 bytes
//
// The fields of each operation; those that are not named are 0:
//
//	sign  Key or Name (exactly one) names the key. Data is a digest of Hash, or the message.
//	      With Hash 0: the message of Ed25519 and ML-DSA, or the text that PKCS #1 pads.
//	list  With Name: the one key of this name. Otherwise Data is empty, or a name: the list begins
//	      after it. The list is in the order of the names' bytes.
//	ping  no field
//
// The numbers of Hash:
//
//	0 none   1 SHA-1   2 SHA-224   3 SHA-256   4 SHA-384   5 SHA-512   6 MD5 and SHA-1 (TLS 1.0, 1.1)
//	7 SHA-512/256   8 SHA3-256   9 SHA3-384   10 SHA3-512
//
// # Answer, version 1
//
//	offset  bytes  field
//	0       8      ID: of the request; 0: the server closes the connection, and Text says why
//	8       1      Status
//	9              Status 0: Data, the rest of the body; otherwise Text: UTF-8, at most 512 bytes
//
// Data of a signature is the signature: of ECDSA as ASN.1 DER. Data of a ping is empty. Data of a
// list is keys, as many as fit in the client's MaxFrame, and is empty at the end of the list. The
// statuses:
//
//	0 ok           5 expired: the deadline passed before the signature was made
//	1 no key       6 busy: over a bound; ask again later, or another server
//	2 denied       7 unavailable: the server drains, or its token or audit log is away; ask another
//	3 bad request    server
//	4 failed
//
// A key of a list, n, s and r being the lengths before them:
//
//	bytes  field
//	1      n
//	n      Name
//	2      s
//	s      the DER SubjectPublicKeyInfo, at most 8,192 bytes
//	1      the number of rules, at most 32; then each:
//	1      r
//	r      a rule: a permission for the client, in words of the allow file
package wire

import (
	"errors"
	"fmt"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// The bounds of the protocol, in bytes unless it says otherwise.
const (
	MaxData    = 64 << 10  // of Request.Data
	MaxText    = 512       // of Answer.Text; longer texts are cut
	MaxContext = 255       // of Request.Context
	MaxName    = 255       // of a key's name
	MaxSPKI    = 8 << 10   // of Key.SPKI
	MaxRules   = 32        // rules of a Key
	MaxRule    = 255       // of a rule
	MinFrame   = 32 << 10  // the least MaxFrame that a client may state: every Key and signature fits
	MaxRequest = 68 << 10  // the least MaxFrame that a server may state: every request fits
	MaxFrame   = 256 << 10 // the MaxFrame that this module states in its Hello, also over gRPC
)

// ErrMalformed is wrapped by every error of the parsers and of [ReadFrame] that is the peer's fault.
// The connection cannot go on after it.
var ErrMalformed = errors.New("malformed message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}
