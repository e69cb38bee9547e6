package engines

import (
	"bytes"
	"strings"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/engine/multibuffer"
)

// An engine that this machine can't run is listed with the reason.
func TestListUnsupported(t *testing.T) {
	withKinds(t, append([]Kind{{
		Name:      "warp",
		Supported: func() (bool, string) { return false, "no warp core" },
	}}, kinds...)...)
	var out, stderr bytes.Buffer
	if status := Command.Main(nil, cli.Stdio{Out: &out, Err: &stderr}); status != cli.ExitOK ||
		!strings.Contains(out.String(), "warp        no    no gain in speed here: no warp core\n") ||
		strings.Count(out.String(), "unless told otherwise") != 1 {
		t.Errorf("status %d: %s%s", status, out.String(), stderr.String())
	}
}

// The list ends in the set of kernels for RSA-2048, where there is a choice.
func TestListKernels(t *testing.T) {
	ok, _ := multibuffer.Supported()
	var out, stderr bytes.Buffer
	if status := Command.Main(nil, cli.Stdio{Out: &out, Err: &stderr}); status != cli.ExitOK ||
		strings.Contains(out.String(), "\nkernels for RSA-2048: ") != ok {
		t.Errorf("status %d: %s%s", status, out.String(), stderr.String())
	}
}
