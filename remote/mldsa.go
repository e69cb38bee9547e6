//go:build go1.27

package remote

import (
	"crypto"
	"crypto/mldsa"
)

func (a *ask) mldsa(opts crypto.SignerOpts) error {
	o, isOptions := opts.(*mldsa.Options)
	switch {
	case isOptions && o == nil: // crypto/mldsa takes those as none
	case isOptions:
		a.request.Context, a.opts = o.Context, o
	case opts == nil, opts == crypto.Hash(0):
	default:
		return errOptions("an ML-DSA", opts, "nil, crypto.Hash(0) or *mldsa.Options")
	}
	a.request.Message = true
	return nil
}
