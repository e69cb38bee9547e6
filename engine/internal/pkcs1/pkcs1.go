// Package pkcs1 has the identifiers of hash functions in signatures of PKCS #1 v1.5.
package pkcs1

import "crypto"

// DigestInfo returns the bytes before the digest in EMSA-PKCS1-v1_5 (RFC 8017, section 9.2, note
// 1): the DER of a DigestInfo up to the digest itself. They are none for MD5SHA1, the hash of TLS
// 1.0. DigestInfo returns false if the hash has no identifier. The caller must not change the bytes.
func DigestInfo(hash crypto.Hash) ([]byte, bool) {
	b, ok := digestInfo[hash]
	return b, ok
}

var digestInfo = map[crypto.Hash][]byte{
	crypto.MD5SHA1:    {},
	crypto.MD5:        info(16, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05),
	crypto.SHA1:       info(20, 0x2b, 0x0e, 0x03, 0x02, 0x1a),
	crypto.RIPEMD160:  {0x30, 0x20, 0x30, 0x08, 0x06, 0x06, 0x28, 0xcf, 0x06, 0x03, 0x00, 0x31, 0x04, 0x14}, // as in crypto/rsa
	crypto.SHA256:     nistInfo(32, 1),
	crypto.SHA384:     nistInfo(48, 2),
	crypto.SHA512:     nistInfo(64, 3),
	crypto.SHA224:     nistInfo(28, 4),
	crypto.SHA512_224: nistInfo(28, 5),
	crypto.SHA512_256: nistInfo(32, 6),
	crypto.SHA3_224:   nistInfo(28, 7),
	crypto.SHA3_256:   nistInfo(32, 8),
	crypto.SHA3_384:   nistInfo(48, 9),
	crypto.SHA3_512:   nistInfo(64, 10),
}

// info encodes SEQUENCE { SEQUENCE { OBJECT IDENTIFIER oid, NULL }, OCTET STRING of size bytes },
// without those bytes.
func info(size int, oid ...byte) []byte {
	algorithm := append([]byte{0x06, byte(len(oid))}, oid...)
	algorithm = append(algorithm, 0x05, 0x00)
	out := append([]byte{0x30, byte(2 + len(algorithm) + 2 + size), 0x30, byte(len(algorithm))}, algorithm...)
	return append(out, 0x04, byte(size))
}

// nistInfo is info for NIST's hash function number n: 2.16.840.1.101.3.4.2.n.
func nistInfo(size int, n byte) []byte {
	return info(size, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, n)
}
