package pkcs1

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha3"
	"math/big"
	"testing"
)

// The encoded message of a signature by crypto/rsa ends in DigestInfo and the digest.
func TestDigestInfo(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for hash := range digestInfo {
		digest := bytes.Repeat([]byte{0xd1}, hash.Size())
		sig, err := rsa.SignPKCS1v15(nil, key, hash, digest)
		if err != nil {
			t.Errorf("%v: %v", hash, err)
			continue
		}
		em := new(big.Int).Exp(new(big.Int).SetBytes(sig), big.NewInt(int64(key.E)), key.N).Bytes()
		info, _ := DigestInfo(hash)
		if want := append(bytes.Clone(info), digest...); !bytes.HasSuffix(em, append([]byte{0xff, 0}, want...)) {
			t.Errorf("%v: %x, crypto/rsa has %x", hash, want, em)
		}
	}
	if _, ok := DigestInfo(crypto.BLAKE2b_256); ok {
		t.Error("BLAKE2b has an identifier")
	}
}
