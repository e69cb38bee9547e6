//go:build boringcrypto

package multibuffer

import "testing"

// A program built with BoringCrypto gets BoringCrypto's signatures and no others.
func TestBoringCrypto(t *testing.T) {
	if !boringCrypto() {
		t.Skip("built for BoringCrypto, and without it")
	}
	if ok, reason := Supported(); ok || reason == "" {
		t.Errorf("supported: %v, because %q", ok, reason)
	}
}
