//go:build !go1.27

package sign

// mldsaMethod knows no key: this Go has no crypto/mldsa.
func mldsaMethod(any) (m method, ok bool) { return method{}, false }
