// Package sysrand recognizes the random reader of crypto/rand. A caller's own reader may block,
// panic or exit its goroutine when it is read or even compared; crypto/rand's does none of that.
package sysrand

import (
	"crypto/rand"
	"io"
	"reflect"
	"strings"
)

// reader is the reader that crypto/rand had when this package was initialized, or nil if the
// program had put a reader of its own in its place by then.
var reader = fromStandardLibrary(rand.Reader)

// fromStandardLibrary returns r if its type belongs to the standard library's random packages,
// otherwise nil.
func fromStandardLibrary(r io.Reader) io.Reader {
	if r == nil {
		return nil
	}
	if path := reflect.TypeOf(r).PkgPath(); strings.HasPrefix(path, "crypto/") && strings.HasSuffix(path, "/rand") {
		return r
	}
	return nil
}

// Is reports whether r is crypto/rand's own reader. It stays true for that reader if the program
// assigns another to rand.Reader later, and is false for every reader if the program had done so
// before this package was initialized.
func Is(r io.Reader) bool {
	// Readers of two types are unequal without being compared, so one that cannot be compared
	// does not panic here.
	return r != nil && r == reader
}

// InPlace reports whether crypto/rand.Read reads from crypto/rand's own reader: whether the program
// has put no other in its place.
func InPlace() bool { return Is(rand.Reader) }
