package wire

import (
	"crypto"
	"strconv"
)

// Op is an operation.
type Op uint8

// The operations.
const (
	OpSign Op = 1 // a signature
	OpList Op = 2 // the keys that the client may use
	OpPing Op = 3 // an empty answer
)

// String is the operation's word in an allow file: "sign".
func (o Op) String() string { return word("operation", []string{"", "sign", "list", "ping"}, uint8(o)) }

// Hash is the hash of a signature.
type Hash uint8

// The hashes.
const (
	NoHash Hash = iota // Ed25519, ML-DSA; PKCS #1 without a hash
	SHA1
	SHA224
	SHA256
	SHA384
	SHA512
	MD5SHA1 // of TLS 1.0 and 1.1
	SHA512_256
	SHA3_256
	SHA3_384
	SHA3_512
)

var hashes = []crypto.Hash{
	NoHash:     0,
	SHA1:       crypto.SHA1,
	SHA224:     crypto.SHA224,
	SHA256:     crypto.SHA256,
	SHA384:     crypto.SHA384,
	SHA512:     crypto.SHA512,
	MD5SHA1:    crypto.MD5SHA1,
	SHA512_256: crypto.SHA512_256,
	SHA3_256:   crypto.SHA3_256,
	SHA3_384:   crypto.SHA3_384,
	SHA3_512:   crypto.SHA3_512,
}

var hashWords = []string{
	"nohash", "sha1", "sha224", "sha256", "sha384", "sha512", "md5sha1", "sha512-256",
	"sha3-256", "sha3-384", "sha3-512",
}

// Crypto is the hash in the standard library. It is false if h is unknown.
func (h Hash) Crypto() (crypto.Hash, bool) {
	if int(h) >= len(hashes) {
		return 0, false
	}
	return hashes[h], true
}

// HashOf is the hash of the standard library's number. It is false if the protocol has none for it.
func HashOf(c crypto.Hash) (Hash, bool) {
	for i, h := range hashes {
		if h == c {
			return Hash(i), true
		}
	}
	return 0, false
}

// HashNamed is the hash of a word, see [Hash.String].
func HashNamed(name string) (Hash, bool) {
	for i, w := range hashWords {
		if w == name {
			return Hash(i), true
		}
	}
	return 0, false
}

// String is the hash's word in an allow file: "nohash", "sha256", "sha3-256".
func (h Hash) String() string { return word("hash", hashWords, uint8(h)) }

// Padding is the padding of an RSA signature.
type Padding uint8

// The paddings.
const (
	NoPadding Padding = iota // keys other than RSA
	PKCS1                    // RFC 8017, section 8.2
	PSS                      // RFC 8017, section 8.1
)

// String is the padding's word in an allow file: "pkcs1", "pss"; "none" for keys other than RSA.
func (p Padding) String() string {
	return word("padding", []string{"none", "pkcs1", "pss"}, uint8(p))
}

// Status is the outcome of a request.
type Status uint8

// The statuses.
const (
	OK          Status = iota
	NoKey              // the server has no such key
	Denied             // the allow file does not allow it
	Bad                // the request makes no sense for this key
	Failed             // the operation failed
	Expired            // the timeout passed before the signature was made
	Busy               // over a bound: ask again later, or another server
	Unavailable        // the server drains, or the key's token or the audit log is away: ask another server
)

// String is the status in a word or two: "no key".
func (s Status) String() string {
	return word("status", []string{
		"ok", "no key", "denied", "bad request", "failed", "expired", "busy", "unavailable",
	}, uint8(s))
}

// word is words[n], or the kind and the number if there is none.
func word(kind string, words []string, n uint8) string {
	if int(n) < len(words) && words[n] != "" {
		return words[n]
	}
	return kind + " " + strconv.Itoa(int(n))
}
