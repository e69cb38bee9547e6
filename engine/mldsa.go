//go:build go1.27

package engine

import (
	"crypto"
	"crypto/mldsa"
)

// cloneMLDSAOptions copies the options of crypto/mldsa and returns any others as they are.
func cloneMLDSAOptions(opts crypto.SignerOpts) crypto.SignerOpts {
	if o, ok := opts.(*mldsa.Options); ok && o != nil {
		return new(*o)
	}
	return opts
}
