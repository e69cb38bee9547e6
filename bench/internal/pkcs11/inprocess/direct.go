package main

import (
	"errors"

	"asynccrypto/bench/internal/pkcs11/side"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/direct"
)

// openDirect opens the key as our engine does with the module in this process.
func openDirect(t side.Token) (*side.Key, error) {
	token, err := pkcs11.Open(t.URI, pkcs11.Options{Sessions: t.Sessions, Load: direct.Load})
	if err != nil {
		return nil, err
	}
	signer, err := token.Signer("")
	if err != nil {
		return nil, errors.Join(err, token.Close())
	}
	return &side.Key{Signer: signer, Close: token.Close}, nil
}
