package main

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

var hashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

func signCommand(args []string, std stdio) error {
	fs := newFlags("sign")
	keyFile := fs.String("key", "", "")
	hashName := fs.String("hash", "sha256", "")
	pss := fs.Bool("pss", false, "")
	out := fs.String("out", "", "")
	files, err := parseFlags(fs, args)
	if err != nil {
		return err
	}
	hash, ok := hashes[strings.ToLower(*hashName)]
	switch {
	case *keyFile == "":
		return usagef("no key; give one with -key KEY.pem")
	case !ok:
		return usagef("unknown hash %q; there are %s", *hashName, strings.Join(slices.Sorted(maps.Keys(hashes)), ", "))
	case len(files) == 0:
		return usagef("no files to sign")
	}
	tasks, err := signTasks(files, *out)
	if err != nil {
		return err
	}
	anyKey, err := readKey(*keyFile)
	if err != nil {
		return err
	}
	key, opts, err := signingKey(anyKey, hash, *pss)
	if err != nil {
		return usagef("key %s: %w", *keyFile, err)
	}
	ctx, stop := interruptible()
	defer stop()
	return signFiles(ctx, key, opts, tasks, std)
}

// signingKey returns key for signing with opts, which it has been seen to do.
func signingKey(key any, hash crypto.Hash, pss bool) (crypto.Signer, crypto.SignerOpts, error) {
	var opts crypto.SignerOpts = hash
	switch key.(type) {
	case *rsa.PrivateKey:
		if pss {
			opts = &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
		}
	case *ecdsa.PrivateKey:
		if pss {
			return nil, nil, errors.New("an ECDSA key; -pss is for RSA")
		}
	case ed25519.PrivateKey:
		return nil, nil, errors.New("an Ed25519 key, which signs no digest: it needs each file in memory as a whole, " +
			"and \"openssl dgst\" can't verify it; use an RSA or ECDSA key")
	case *ecdh.PrivateKey:
		return nil, nil, errors.New("a key for key agreement, which can't sign; use an RSA or ECDSA key")
	default:
		return nil, nil, fmt.Errorf("a key of a kind (%T) that can't sign files; use an RSA or ECDSA key", key)
	}
	signer := key.(crypto.Signer)
	// One signature on trial: a key that is too short for the hash is found before any file is read.
	if _, err := signer.Sign(rand.Reader, make([]byte, hash.Size()), opts); err != nil {
		return nil, nil, fmt.Errorf("can't sign with %s: %w", hash, err)
	}
	return signer, opts, nil
}

// signalError is the end of a command that was interrupted.
type signalError struct{ sig os.Signal }

func (e *signalError) Error() string { return fmt.Sprintf("stopped by a signal (%s)", e.sig) }

func (e *signalError) number() int {
	n, _ := e.sig.(syscall.Signal)
	return int(n)
}

// interruptible returns a context whose cause is a signalError when the user, or the system, wants the command to stop.
// A second signal ends the process at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // as under nohup, and in a script's background
			signal.Notify(signals, sig)
		}
	}
	go func() {
		select {
		case sig := <-signals:
			signal.Stop(signals)
			cancel(&signalError{sig})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
