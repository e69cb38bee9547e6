package engine

import (
	"context"
	"crypto"
	"io"
)

// The method set of a private key says what it can do, so there is a type for each combination.

type signer struct{ *boundKey }

func (s signer) Public() crypto.PublicKey { return s.signer.Public() }

func (s signer) WithContext(ctx context.Context) crypto.Signer { return newSigner(s.with(ctx)) }

func (s signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(rand, digest, opts)
}

type messageSigner struct{ signer }

func (s messageSigner) SignMessage(rand io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.signMessage(rand, msg, opts)
}

type signerDecrypter struct{ signer }

func (s signerDecrypter) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return s.decrypt(rand, msg, opts)
}

type messageSignerDecrypter struct{ messageSigner }

func (s messageSignerDecrypter) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return s.decrypt(rand, msg, opts)
}

// newSigner returns a signer with the methods that the key of k has.
func newSigner(k *boundKey) Signer {
	switch {
	case k.message && k.decrypts:
		return messageSignerDecrypter{messageSigner{signer{k}}}
	case k.message:
		return messageSigner{signer{k}}
	case k.decrypts:
		return signerDecrypter{signer{k}}
	}
	return signer{k}
}

type decrypter struct{ *boundKey }

func (d decrypter) Public() crypto.PublicKey { return d.decrypter.Public() }

func (d decrypter) WithContext(ctx context.Context) crypto.Decrypter { return decrypter{d.with(ctx)} }

func (d decrypter) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return d.decrypt(rand, msg, opts)
}
