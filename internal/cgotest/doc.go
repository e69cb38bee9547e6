// Package cgotest runs Go functions in calls from C, for the tests of package async. The C code is
// in a module of its own, so that the others need no C compiler.
package cgotest
