package main

import (
	"bytes"
	"strings"
	"testing"
)

// An engine that this machine can't run is listed with the reason, refused with it, and not the default.
func TestUnsupportedEngine(t *testing.T) {
	old := engineKinds
	defer func() { engineKinds = old }()
	engineKinds = append([]engineKind{{
		name:      "warp",
		supported: func() (bool, string) { return false, "no warp core" },
	}}, old...)

	if k, err := chooseEngine(""); err != nil || k.name != "workers" {
		t.Errorf("the default is %v, %v", k, err)
	}
	var out, stderr bytes.Buffer
	if status := run([]string{"engines"}, stdio{&out, &stderr}); status != exitOK || !strings.Contains(out.String(), "warp      no    no warp core\n") {
		t.Errorf("status %d: %s", status, out.String())
	}
	out.Reset()
	if status := run([]string{"speed", "-engine", "warp"}, stdio{&out, &stderr}); status != exitUsage ||
		!strings.Contains(stderr.String(), `engine "warp" can't run on this machine: no warp core`) {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}
