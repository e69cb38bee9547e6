// Command _asm writes the kernels of package ifma.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("!purego")
	loopMul()
	selectKernel()
	Generate()
}
