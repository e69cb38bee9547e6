// Package publickey compares public keys.
package publickey

import "crypto"

// Equal reports whether a and b are one public key. It is false if a has no method Equal, which all
// public keys of the standard library have, and if a is nil.
func Equal(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
