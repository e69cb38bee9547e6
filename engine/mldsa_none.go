//go:build !go1.27

package engine

import "crypto"

// cloneMLDSAOptions returns opts as they are: this Go has no crypto/mldsa.
func cloneMLDSAOptions(opts crypto.SignerOpts) crypto.SignerOpts { return opts }
