package multibuffer

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"io"

	"asynccrypto/engine"
	"asynccrypto/engine/internal/pkcs1"
	"asynccrypto/engine/internal/sysrand"
)

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
		if prefix, known = pkcs1.DigestInfo(hash); !known || len(digest) != hash.Size() {
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

// verifyPSS is EMSA-PSS-VERIFY (RFC 8017, section 9.1.2) with MGF1 over the same hash, for a
// modulus of 8·len(em) bits. It reports whether em encodes digest, which is as long as the hash,
// with a salt of the length that opts asks for, and overwrites em. Call canVerifyPSS first.
func verifyPSS(em, digest []byte, opts *rsa.PSSOptions) bool {
	h := opts.Hash.New()
	size := h.Size()
	db, hashed := em[:len(em)-size-1], em[len(em)-size-1:len(em)-1]
	if em[len(em)-1] != 0xbc || em[0]&0x80 != 0 {
		return false
	}
	mgf1XOR(db, opts.Hash, hashed)
	db[0] &= 0x7f
	zeros := len(db) - 1 - opts.SaltLength
	switch opts.SaltLength {
	case rsa.PSSSaltLengthAuto:
		zeros = bytes.IndexByte(db, 1)
	case rsa.PSSSaltLengthEqualsHash:
		zeros = len(db) - 1 - size
	}
	if zeros < 0 || db[zeros] != 1 {
		return false
	}
	for _, b := range db[:zeros] {
		if b != 0 {
			return false
		}
	}
	var sum [64]byte
	h.Write(sum[:8])
	h.Write(digest)
	h.Write(db[zeros+1:])
	return bytes.Equal(h.Sum(sum[:0]), hashed)
}

// canVerifyPSS reports whether verifyPSS gives crypto/rsa's answer for an encoding of size bytes.
// Otherwise crypto/rsa returns another error than that of an invalid signature, or panics.
func canVerifyPSS(size int, digest []byte, opts *rsa.PSSOptions) bool {
	return opts != nil && opts.Hash.Available() && len(digest) == opts.Hash.Size() &&
		opts.SaltLength >= rsa.PSSSaltLengthEqualsHash && opts.SaltLength <= size
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
