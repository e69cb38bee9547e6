package sign

import (
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"slices"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/filesig"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/engine"
)

// openKeys opens the key and the fallback, and returns the method to sign with. It has tried those
// that are there. One of them may be away, or unavailable when it is tried.
func (o *options) openKeys(ring *keyring.Ring, hash crypto.Hash, std cli.Stdio) (chain []*keyring.Key, m filesig.Method, err error) {
	named := []keyring.Named{{Option: "key", Value: o.key}}
	if o.fallback != "" {
		named = append(named, keyring.Named{Option: "fallback-key", Value: o.fallback})
	}
	if chain, err = ring.OpenChain(nil, nil, named...); err != nil {
		return nil, m, err
	}
	var failed []error                           // of keys that are away, or cannot be tried
	for _, key := range slices.Backward(chain) { // the method is that of the first one
		why := key.Away
		if why == nil {
			own, err := signingMethod(key.Private, hash, o.pss)
			if err == nil {
				m = own
				continue
			}
			why = keyring.Failure("", fmt.Errorf("key %s: %w", key.Name, err))
			if !keyring.IsAway(err) {
				return nil, m, why
			}
		}
		failed = append(failed, why)
	}
	if len(failed) == len(chain) {
		return nil, m, failed[len(failed)-1]
	}
	for _, why := range failed {
		fmt.Fprintf(std.Err, "asynccrypto sign: warning: %s\n", cli.OneLine(why.Error()))
	}
	return chain, m, nil
}

// signingMethod returns the method to sign with a key. It has tried it.
func signingMethod(key any, hash crypto.Hash, pss bool) (filesig.Method, error) {
	m, err := filesig.SigningMethod(key, hash, pss)
	if err != nil || m.Opts.HashFunc() != hash {
		return m, err // the key can't sign, or does not use the hash
	}
	// A trial signature finds a key that is too short for the hash before any file is read.
	if _, err := key.(crypto.Signer).Sign(rand.Reader, make([]byte, hash.Size()), m.Opts); err != nil {
		return m, fmt.Errorf("can't sign with %s: %w", hash, err)
	}
	return m, nil
}

// signFiles signs the files of the tasks. The keys of chain are one key, in the order in which they
// are to be asked.
func signFiles(ctx context.Context, ring *keyring.Ring, chain []*keyring.Key, m filesig.Method, tasks []task, std cli.Stdio) error {
	var signer engine.Signer
	b := &filesig.Batch{Command: "sign", Did: "signed", Method: m}
	for _, t := range tasks {
		b.Files = append(b.Files, t.file)
	}
	b.Bind = func(e *engine.Engine) error {
		s, err := ring.Signer(e, chain)
		if err != nil {
			return cli.Usagef("-key and -fallback-key: %w", err)
		}
		signer = s.(engine.Signer)
		return nil
	}
	b.Do = func(f *filesig.File) error {
		var digest []byte
		if err := f.Read(func() (err error) {
			digest, err = f.Digest()
			return err
		}); err != nil {
			return err
		}
		signature, err := signer.WithContext(f.Context()).Sign(rand.Reader, digest, m.Opts)
		if err != nil {
			return err
		}
		return f.Write(func() error {
			path := tasks[f.Index].signature
			if err := cli.WriteFile(path, signature); err != nil {
				return fmt.Errorf("writing %s: %w", path, cli.Cause(err))
			}
			return nil
		})
	}
	err := b.Run(ctx, std)
	if signer != nil {
		signer.Close()
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("%w, no signature is half written", err)
	}
	return err
}
