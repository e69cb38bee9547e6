// Command _asm writes the kernels of package ifma.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("!purego")
	for _, d := range []int{20, 30} {
		mulKernel(d)
		windowKernel(d)
	}
	mulKernel(40)
	squaresKernel(40)

	sqrKernel(40) // for the verification of RSA-2048
	loopMul()
	selectKernel()
	registersKernel()
	Generate()
}
