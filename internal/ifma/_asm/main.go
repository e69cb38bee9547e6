// Command _asm writes the kernels of the packages beside it. Its first argument names the package;
// the flags that follow are avo's.
package main

import (
	"fmt"
	"os"
	"slices"

	. "github.com/mmcloughlin/avo/build"

	"asynccrypto/internal/ifma/_asm/curve25519"
	"asynccrypto/internal/ifma/_asm/emit"
	"asynccrypto/internal/ifma/_asm/nistec"
	"asynccrypto/internal/ifma/_asm/rsa"
)

var packages = map[string]func(){
	"curve25519": curve25519.Kernels,
	"ifmatest":   emit.ReadRegisters,
	"nistec":     nistec.Kernels,
	"rsa":        rsa.Kernels,
}

func main() {
	if len(os.Args) < 2 || packages[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: _asm PACKAGE -out FILE; PACKAGE is curve25519, ifmatest, nistec or rsa")
		os.Exit(2)
	}
	kernels := packages[os.Args[1]]
	os.Args = slices.Delete(os.Args, 1, 2)
	ConstraintExpr("!purego")
	kernels()
	Generate()
}
