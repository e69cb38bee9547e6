// Package sockerr names the errors of sockets for which the command has a hint. On Windows the
// system's errors are others than the constants of package syscall, which it never returns.
package sockerr
