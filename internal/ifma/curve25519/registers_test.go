//go:build amd64 && !purego

package curve25519

import (
	"testing"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

// TestRegistersAreCleared reads the registers after each kernel.
func TestRegistersAreCleared(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(11)
	for _, k := range kernels(ifma.NewVecs, r) {
		k.inputs(r)
		for _, i := range ifmatest.Registers(k.kernel) {
			t.Errorf("%s: register %d (from 32 on they are the masks) keeps something", k.name, i)
		}
	}
}
