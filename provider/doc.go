// Package provider has no Go code of its own: its folder holds a provider for OpenSSL, in C. With
// it a program that uses OpenSSL 3 or 4 signs with keys that are on a key server, package
// [asynccrypto/remote/keyserver], and does not have them in its memory.
//
// README.md explains how to build and use the provider. Its code is in src and its manual page in
// man. The tests of this package build it, and run the C programs of folder test, and servers and
// clients such as HAProxy, nginx and the openssl command.
package provider
