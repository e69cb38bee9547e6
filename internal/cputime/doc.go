// Package cputime reads the CPU time of the process, so that a measurement can tell when other
// programs used the cores.
package cputime
