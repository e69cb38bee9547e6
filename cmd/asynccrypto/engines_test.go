package main

import (
	"bytes"
	"strings"
	"testing"

	"asynccrypto/engine/multibuffer"
)

// withEngines replaces the engines that this command knows for the length of the test.
func withEngines(t *testing.T, kinds ...engineKind) {
	old := engineKinds
	t.Cleanup(func() { engineKinds = old })
	engineKinds = kinds
}

// The default is the engine that gains, where it can.
func TestDefaultEngine(t *testing.T) {
	want := "multibuffer"
	if ok, why := multibuffer.Supported(); !ok {
		t.Log("no gain here:", why)
		want = "workers"
	}
	if k, err := chooseEngine(""); err != nil || k.name != want {
		t.Errorf("the default is %+v, %v; not %s", k, err, want)
	}
}

// An engine that this machine can't run is listed with the reason, refused with it, and not the default.
func TestUnsupportedEngine(t *testing.T) {
	def, err := chooseEngine("")
	if err != nil {
		t.Fatal(err)
	}
	want := def.name
	withEngines(t, append([]engineKind{{
		name:      "warp",
		supported: func() (bool, string) { return false, "no warp core" },
	}}, engineKinds...)...)

	if k, err := chooseEngine(""); err != nil || k.name != want {
		t.Errorf("the default is %v, %v", k, err)
	}
	var out, stderr bytes.Buffer
	if status := run([]string{"engines"}, stdio{&out, &stderr}); status != exitOK ||
		!strings.Contains(out.String(), "warp        no    no gain in speed here: no warp core\n") {
		t.Errorf("status %d: %s", status, out.String())
	}
}
