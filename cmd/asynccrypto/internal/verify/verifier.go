package verify

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/filesig"
	"asynccrypto/engine"
)

// verifyFiles verifies the signatures of the files.
func (o *options) verifyFiles(ctx context.Context, key crypto.PublicKey, m filesig.Method, files []string, std cli.Stdio) error {
	var verifier engine.Verifier
	b := &filesig.Batch{Command: "verify", Did: "verified", Files: files, Method: m}
	b.Bind = func(e *engine.Engine) (err error) {
		if verifier, err = e.Verifier(key); err != nil {
			return cli.Usagef("key %s: %w", o.key, err)
		}
		return nil
	}
	b.Do = func(f *filesig.File) error {
		path := o.signature(f.Name)
		var digest, signature []byte
		if err := f.Read(func() (err error) {
			if signature, err = readSignature(path); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			digest, err = f.Digest()
			return err
		}); err != nil {
			return err
		}
		err := verifier.WithContext(f.Context()).Verify(digest, signature, m.Opts)
		if errors.Is(err, engine.ErrVerification) {
			return fmt.Errorf("the signature %s is not valid", path)
		}
		return err
	}
	return b.Run(ctx, std)
}

// signature returns the path of a file's signature.
func (o *options) signature(file string) string {
	if o.sigs != "" {
		file = filepath.Join(o.sigs, filepath.Base(file))
	}
	return file + ".sig"
}

// maxSignature is above the length of any signature: those of ML-DSA-87 are the longest, with 4,627
// bytes. A longer file is not a valid signature, so it is not read to its end.
const maxSignature = 16 << 10

func readSignature(path string) (signature []byte, err error) {
	err = filesig.OpenRegular(path, func(file *os.File) error {
		signature, err = io.ReadAll(io.LimitReader(file, maxSignature))
		return err
	})
	return signature, err
}
