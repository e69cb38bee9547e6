//go:build boringcrypto

package multibuffer

import "crypto/boring"

// boringCrypto reports whether BoringCrypto is crypto/rsa's implementation.
// GOEXPERIMENT=boringcrypto sets the build tag.
func boringCrypto() bool { return boring.Enabled() }
