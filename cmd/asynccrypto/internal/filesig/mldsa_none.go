//go:build !go1.27

package filesig

import "crypto"

// mldsaSigning knows no key: this Go has no crypto/mldsa.
func mldsaSigning(any) (m Method, ok bool) { return Method{}, false }

func isMLDSA(crypto.PublicKey) bool { return false }
