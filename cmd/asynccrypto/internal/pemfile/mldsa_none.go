//go:build !go1.27

package pemfile

import "crypto"

// mldsaName knows no key: this Go has no crypto/mldsa.
func mldsaName(crypto.PublicKey) (name string, ok bool) { return "", false }
