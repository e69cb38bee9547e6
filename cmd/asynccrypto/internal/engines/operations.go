package engines

import (
	"fmt"

	"asynccrypto/internal/ifma/rsa"
)

// operations are all that the engine multibuffer can be asked for, each with the reason if it is
// not vectorized.
var operations = []struct {
	keys, names string
	why         string // empty if they are vectorized
}{
	{"RSA-2048, RSA-3072, RSA-4096", "sign, verify", ""},
	{"ECDSA P-256, P-384", "sign, verify", ""},
	{"Ed25519", "sign, verify", ""},
	{"X25519", "derive, keygen", ""},
	{"RSA-2048, RSA-3072, RSA-4096", "decrypt", "its padding has to be checked in constant time, which no kernel does"},
	{"RSA of other sizes", "all", "the kernels are made for three sizes"},
	{"RSA, exponent not 3 or 65537", "verify", "the kernels are made for these two"},
	{"ECDSA P-521, P-224; ML-DSA", "sign, verify", "no kernels for them"},
	{"ECDH P-256, P-384, P-521", "derive, keygen", "no kernels for them"},
	{"any, with a Reader of one's own", "sign", "a Reader may block, and eight would wait for it"},
}

// operationLines lists the operations, first those that are vectorized.
func operationLines() (lines []string) {
	const line = "  %-32s %-14s %s"
	for _, vectorized := range []bool{true, false} {
		if vectorized {
			lines = append(lines, "vectorized: up to eight at a time on each core, for any number of keys, several times as",
				"many as the library called directly; one alone as fast as the library, or faster")
		} else {
			lines = append(lines, "not vectorized: as workers does it, no gain in speed, because of the reason given")
		}
		for _, o := range operations {
			if (o.why == "") == vectorized {
				lines = append(lines, fmt.Sprintf(line, o.keys, o.names, o.why))
			}
		}
	}
	set, reason := rsa.Kernels()
	return append(lines, fmt.Sprintf("kernels for RSA-2048: %s, %s", set, reason))
}
