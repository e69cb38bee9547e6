//go:build !go1.27

package fallback_test

import (
	"crypto"
	"testing"
)

// newMLDSAKey returns nil: this Go has no crypto/mldsa.
func newMLDSAKey(*testing.T) crypto.Signer { return nil }
