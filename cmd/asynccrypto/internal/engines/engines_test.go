package engines

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"asynccrypto/engine/multibuffer"
)

// withKinds replaces the table for the length of the test.
func withKinds(t *testing.T, all ...Kind) {
	old := kinds
	t.Cleanup(func() { kinds = old })
	kinds = all
}

// The default is the engine that gains, where it can.
func TestDefault(t *testing.T) {
	want := "multibuffer"
	if ok, why := multibuffer.Supported(); !ok {
		t.Log("no gain here:", why)
		want = "workers"
	}
	if k, err := Choose(""); err != nil || k.Name != want {
		t.Errorf("the default is %+v, %v; not %s", k, err, want)
	}
}

// An engine that this machine can't run is refused with the reason, and is not the default.
func TestUnsupported(t *testing.T) {
	def, err := Choose("")
	if err != nil {
		t.Fatal(err)
	}
	want := def.Name
	withKinds(t, append([]Kind{{
		Name:      "warp",
		Supported: func() (bool, string) { return false, "no warp core" },
	}}, kinds...)...)
	if k, err := Choose(""); err != nil || k.Name != want {
		t.Errorf("the default is %v, %v", k, err)
	}
	if _, err := Choose("warp"); err == nil || err.Error() != `engine "warp" gains nothing on this machine: no warp core` {
		t.Error(err)
	}
	if _, err := Choose("none", "other"); err == nil || err.Error() != `unknown engine "none"; there are warp, multibuffer, workers, other` {
		t.Error(err)
	}
}

// A key that the engine multibuffer does not batch is explained.
func TestBatches(t *testing.T) {
	supported, _ := multibuffer.Supported()
	for curve, batches := range map[elliptic.Curve]bool{elliptic.P256(): true, elliptic.P384(): true, elliptic.P521(): false} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ok, why := Batches(key.Public())
		if ok != (batches && supported) || ok != (why == "") || supported && !batches && !strings.Contains(why, "RSA-2048") {
			t.Errorf("%s: %v, %q", curve.Params().Name, ok, why)
		}
	}
}
