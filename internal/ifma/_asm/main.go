// Command _asm writes the kernels of package ifma.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("!purego")
	declareDigitMask()
	for _, d := range []int{20, 30, 40} {
		unrolledMul(d)
		unrolledSqr(d)
	}
	loopMul()
	selectKernel()
	Generate()
}
