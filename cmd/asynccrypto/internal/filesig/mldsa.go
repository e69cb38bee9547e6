//go:build go1.27

package filesig

import (
	"crypto"
	"crypto/mldsa"
	"crypto/sha3"
)

// mldsaSigning returns the method of an ML-DSA private key. The key signs the file's representative
// μ, so that the file need not be in memory; the signature is that of the file itself.
func mldsaSigning(key any) (m Method, ok bool) {
	k, ok := key.(*mldsa.PrivateKey)
	if !ok {
		return Method{}, false
	}
	public := k.PublicKey().Bytes()
	return Method{crypto.MLDSAMu, func() digester { return newMu(public) }, maxJobs}, true
}

// isMLDSA reports whether key is an ML-DSA public key. crypto/mldsa verifies no representatives.
func isMLDSA(key crypto.PublicKey) bool {
	_, ok := key.(*mldsa.PublicKey)
	return ok
}

// mu computes the representative of a message: SHAKE256 of the public key's hash and the message,
// with the prefix of a pure signature and an empty context between them (FIPS 204, algorithm 2,
// line 10, and algorithm 7, line 6).
type mu struct{ *sha3.SHAKE }

func newMu(public []byte) mu {
	h := mu{sha3.NewSHAKE256()}
	h.Write(sha3.SumSHAKE256(public, 64))
	h.Write([]byte{0, 0})
	return h
}

// Sum appends the representative to b. The state cannot be used after that.
func (h mu) Sum(b []byte) []byte {
	sum := make([]byte, 64)
	h.Read(sum)
	return append(b, sum...)
}
