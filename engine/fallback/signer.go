package fallback

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
)

// The method set of a private key says what it can do, so there is a type for each combination.

type signer struct {
	*chain
	ctx context.Context
}

func (s signer) WithContext(ctx context.Context) crypto.Signer { return newSigner(s.chain, ctx) }

func (s signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.do(s.ctx, rand, signing, func(k key, rand io.Reader) ([]byte, error) {
		return k.(crypto.Signer).Sign(rand, digest, opts)
	})
}

type messageSigner struct{ signer }

func (s messageSigner) SignMessage(rand io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil {
		return nil, errors.New("fallback: the options are nil")
	}
	hash := opts.HashFunc()
	return s.do(s.ctx, rand, signing, func(k key, rand io.Reader) ([]byte, error) {
		if _, ok := k.(crypto.MessageSigner); !ok && hash != 0 && !hash.Available() {
			return nil, fmt.Errorf("the key takes digests only, and the hash %v is not in this program; import its package", hash)
		}
		return crypto.SignMessage(k.(crypto.Signer), rand, msg, opts)
	})
}

type signerDecrypter struct{ signer }

func (s signerDecrypter) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return s.decrypt(s.ctx, rand, msg, opts)
}

type messageSignerDecrypter struct{ messageSigner }

func (s messageSignerDecrypter) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return s.decrypt(s.ctx, rand, msg, opts)
}

// newSigner returns a signer with the methods that the members of c allow.
func newSigner(c *chain, ctx context.Context) Signer {
	s := signer{c, ctx}
	switch {
	case c.message && c.decrypts:
		return messageSignerDecrypter{messageSigner{s}}
	case c.message:
		return messageSigner{s}
	case c.decrypts:
		return signerDecrypter{s}
	}
	return s
}

type decrypter struct {
	*chain
	ctx context.Context
}

func (d decrypter) WithContext(ctx context.Context) crypto.Decrypter { return decrypter{d.chain, ctx} }

func (d decrypter) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return d.decrypt(d.ctx, rand, msg, opts)
}

func (c *chain) decrypt(ctx context.Context, rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return c.do(ctx, rand, decryption, func(k key, rand io.Reader) ([]byte, error) {
		return k.(crypto.Decrypter).Decrypt(rand, msg, opts)
	})
}
