//go:build !go1.27

package engine

import "crypto"

// cloneMLDSAOptions returns opts as they are: this Go has no crypto/mldsa.
func cloneMLDSAOptions(opts crypto.SignerOpts) crypto.SignerOpts { return opts }

func isMLDSAKey(crypto.PublicKey) bool { return false }

func (o *VerifyOp) verifyMLDSA() (err error, ok bool) { return nil, false }
