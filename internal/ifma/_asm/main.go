// Command _asm writes the kernels of package ifma.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("!purego")
	declareDigitMask()
	for _, d := range []int{20, 30, 40} {
		unrolledMul(d)
		unrolledWindow(d)
	}
	unrolledSqr(40) // for the verification of RSA-2048
	loopMul()
	selectKernel()
	registersKernel()
	Generate()
}
