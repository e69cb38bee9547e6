package multibuffer

import (
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"io"

	"asynccrypto/engine"
	"asynccrypto/engine/internal/sysrand"
)

// digestInfo holds the bytes before the digest in EMSA-PKCS1-v1_5 (RFC 8017, section 9.2, note
// 1): the DER of a DigestInfo up to the digest itself. MD5SHA1 is TLS 1.0's hash, which has none.
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

// encode pads the digest of op into em, which is as long as the modulus. It returns false if
// crypto/rsa may refuse op or do it in another way; leave op to crypto/rsa then. That includes a
// salt from another reader than crypto/rand's: if such a reader blocks or panics, that must hit
// its own operation and no batch. No step depends on the digest's value.
func encode(em []byte, op *engine.SignOp) (ok bool) {
	switch opts := op.Opts.(type) {
	case crypto.Hash:
		return encodePKCS1v15(em, op.Digest, opts)
	case *rsa.PSSOptions:
		return opts != nil && sysrand.Is(op.Rand) && encodePSS(em, op.Digest, opts, op.Rand)
	}
	return false
}

// encodePKCS1v15 is EMSA-PKCS1-v1_5 (RFC 8017, section 9.2). For hash 0 there is no DigestInfo.
func encodePKCS1v15(em, digest []byte, hash crypto.Hash) bool {
	var prefix []byte
	if hash != 0 {
		var known bool
		if prefix, known = digestInfo[hash]; !known || len(digest) != hash.Size() {
			return false
		}
	}
	ps := len(em) - 3 - len(prefix) - len(digest)
	if ps < 8 {
		return false
	}
	em[0], em[1] = 0, 1
	for i := range ps {
		em[2+i] = 0xff
	}
	em[2+ps] = 0
	copy(em[3+ps:], prefix)
	copy(em[3+ps+len(prefix):], digest)
	return true
}

// encodePSS is EMSA-PSS (RFC 8017, section 9.1.1) with MGF1 over the same hash, for a modulus of
// 8·len(em) bits. It reads the salt from random.
func encodePSS(em, digest []byte, opts *rsa.PSSOptions, random io.Reader) bool {
	if !opts.Hash.Available() || len(digest) != opts.Hash.Size() {
		return false
	}
	h := opts.Hash.New()
	size := h.Size()
	saltLength := opts.SaltLength
	switch saltLength {
	case rsa.PSSSaltLengthAuto:
		saltLength = len(em) - size - 2
	case rsa.PSSSaltLengthEqualsHash:
		saltLength = size
	}
	if saltLength < 0 || saltLength > len(em)-size-2 {
		return false
	}
	// em = maskedDB || H || 0xbc, and DB = zeros || 1 || salt.
	db, hashed := em[:len(em)-size-1], em[len(em)-size-1:len(em)-1]
	clear(em)
	em[len(em)-1] = 0xbc
	salt := db[len(db)-saltLength:]
	db[len(db)-saltLength-1] = 1
	if _, err := io.ReadFull(random, salt); err != nil {
		return false
	}
	h.Write(make([]byte, 8))
	h.Write(digest)
	h.Write(salt)
	h.Sum(hashed[:0])
	mgf1XOR(db, opts.Hash, hashed)
	db[0] &= 0x7f // emBits is one less than the bits of the modulus
	return true
}

// mgf1XOR masks out with MGF1 of seed (RFC 8017, appendix B.2.1).
func mgf1XOR(out []byte, hash crypto.Hash, seed []byte) {
	h := hash.New()
	var block [64]byte
	for counter := uint32(0); len(out) > 0; counter++ {
		h.Reset()
		h.Write(seed)
		h.Write(binary.BigEndian.AppendUint32(nil, counter))
		mask := h.Sum(block[:0])
		n := min(len(mask), len(out))
		for i := range n {
			out[i] ^= mask[i]
		}
		out = out[n:]
	}
}
