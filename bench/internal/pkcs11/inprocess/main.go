// Command inprocess is the process of the sides of the benchmark pkcs11 that load the module of the
// token into themselves: crypto11 and miekg/pkcs11, which are other people's, and package direct.
//
// It is a module of its own, outside the workspace, because it needs cgo and a C compiler: nothing
// else in the benchmark is to have cgo, or other people's libraries, in its process. The benchmark
// builds it as this does:
//
//	cd bench/internal/pkcs11/inprocess && GOWORK=off go build
package main

import "asynccrypto/bench/internal/pkcs11/side"

func main() {
	side.Main(side.Ways{"crypto11": openCrypto11, "miekg": openMiekg, "direct": openDirect})
}
