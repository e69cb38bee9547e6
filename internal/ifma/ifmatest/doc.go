// Package ifmatest has what the tests of the kernels share: memory between guard pages, a look at
// the registers, a run of the assembly on intervals, and statistical tests of constant time.
package ifmatest
