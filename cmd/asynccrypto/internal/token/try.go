package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for crypto.SHA1
	"errors"
	"fmt"
	"io"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/clock"
	"asynccrypto/internal/measure"
)

// trial is an operation that a key is tried with.
type trial struct {
	what, mechanism, hash string
	do                    func() error
}

// errWrong is wrapped by the error of an operation whose result is wrong.
var errWrong = errors.New("the result is wrong")

// try tries each operation that the key may do with each mechanism, and measures the signatures.
func (o *options) try(ctx context.Context, t *pkcs11.Token, k pkcs11.KeyInfo, w io.Writer) error {
	var trials []trial
	var op *measure.Operation
	if k.Sign {
		signer, err := t.Signer(k.URI)
		if err != nil {
			return err
		}
		bound := signer.WithContext(ctx)
		op = measure.Sign(bound, rand.Reader)
		trials = append(trials, signatures(bound, op)...)
	}
	if k.Decrypt && k.Type == "RSA" {
		decrypter, err := t.Decrypter(k.URI)
		if err != nil {
			return err
		}
		trials = append(trials, decryptions(decrypter.WithContext(ctx))...)
	}
	signs := false
	for i, trial := range trials {
		err := trial.do()
		result := "verified"
		switch {
		case errors.Is(err, errWrong), errors.Is(err, engine.ErrUnavailable), ctx.Err() != nil:
			return fmt.Errorf("key %q: %s by %s: %w", k.Label, trial.what, trial.mechanism, err)
		case err != nil:
			result = "failed: " + cause(err)
		case i == 0:
			signs = k.Sign
		}
		fmt.Fprintf(w, "    %-8s %-28s %s\n", trial.what, trial.mechanism+", "+trial.hash, result)
	}
	if !signs {
		return nil
	}
	var took measure.Histogram
	for started := clock.Now(); took.Count() == 0 || clock.Now()-started < o.time; {
		began := clock.Now()
		if _, err := op.Direct(took.Count()); err != nil {
			return fmt.Errorf("key %q: %w", k.Label, err)
		}
		took.Add(clock.Now() - began)
	}
	fmt.Fprintf(w, "    %s for a signature, one at a time (median of %s)\n", measure.Duration(took.Quantile(0.5)), measure.Number(float64(took.Count())))
	return nil
}

// cause returns the module's answer if the module refused an operation, because the rest of the
// error is on the line already. Otherwise it returns the whole error.
func cause(err error) string {
	if answer, ok := errors.AsType[pkcs11.Error](err); ok {
		return answer.Error()
	}
	return cli.OneLine(err.Error())
}

// signatures are the ways to sign with a key. The first is op's.
func signatures(signer crypto.Signer, op *measure.Operation) []trial {
	hash := measure.SigningHash(signer)
	first := trial{what: "sign", mechanism: "CKM_ECDSA", hash: hash.String(), do: func() error {
		signature, err := op.Direct(0)
		if err == nil {
			err = wrong(op.Verify(0, signature))
		}
		return err
	}}
	public, isRSA := signer.Public().(*rsa.PublicKey)
	switch {
	case hash == 0:
		first.mechanism, first.hash = "CKM_EDDSA", "the message itself"
		return []trial{first}
	case !isRSA:
		return []trial{first}
	}
	first.mechanism = "CKM_RSA_PKCS"
	return []trial{first, {"sign", "CKM_RSA_PKCS_PSS", hash.String(), func() error {
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		digest := measure.Message(0, hash)
		signature, err := signer.Sign(rand.Reader, digest, opts)
		if err == nil {
			err = wrong(rsa.VerifyPSS(public, hash, digest, signature, opts))
		}
		return err
	}}}
}

// decryptions are the ways to decrypt with an RSA key.
func decryptions(decrypter crypto.Decrypter) []trial {
	public := decrypter.Public().(*rsa.PublicKey)
	message := measure.Message(0, 0)
	decrypt := func(opts crypto.DecrypterOpts, ciphertext []byte, err error) error {
		if err != nil {
			return err
		}
		plaintext, err := decrypter.Decrypt(rand.Reader, ciphertext, opts)
		if err == nil && !bytes.Equal(plaintext, message) {
			err = errWrong
		}
		return err
	}
	trials := []trial{{"decrypt", "CKM_RSA_PKCS", "PKCS #1 v1.5", func() error {
		//lint:ignore SA1019 many keys on tokens still decrypt it
		ciphertext, err := rsa.EncryptPKCS1v15(rand.Reader, public, message)
		return decrypt(nil, ciphertext, err)
	}}}
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		trials = append(trials, trial{"decrypt", "CKM_RSA_PKCS_OAEP", hash.String(), func() error {
			ciphertext, err := rsa.EncryptOAEP(hash.New(), rand.Reader, public, message, nil)
			return decrypt(&rsa.OAEPOptions{Hash: hash}, ciphertext, err)
		}})
	}
	return trials
}

// wrong makes the error of a verification wrap errWrong.
func wrong(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	return nil
}
