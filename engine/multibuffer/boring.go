//go:build boringcrypto

package multibuffer

import "crypto/boring"

// boringCrypto reports whether crypto/rsa is BoringCrypto's: GOEXPERIMENT=boringcrypto sets the tag.
func boringCrypto() bool { return boring.Enabled() }
