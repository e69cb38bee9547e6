package main

import (
	"errors"
	"fmt"

	"github.com/ThalesGroup/crypto11"

	"asynccrypto/bench/internal/pkcs11/side"
)

// openCrypto11 opens the key as crypto11's documentation does.
func openCrypto11(t side.Token) (*side.Key, error) {
	config := &crypto11.Config{Path: t.Module, TokenLabel: t.Label, Pin: t.PIN}
	if t.Sessions > 0 {
		config.MaxSessions = t.Sessions + 1 // it keeps one of them idle
	}
	c, err := crypto11.Configure(config)
	if err != nil {
		return nil, err
	}
	key, err := c.FindKeyPair(nil, []byte(t.Object))
	if err == nil && key == nil {
		err = fmt.Errorf("no key %q", t.Object)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &side.Key{Signer: key, Close: c.Close}, nil
}
