//go:build !boringcrypto

package multibuffer

func boringCrypto() bool { return false }
