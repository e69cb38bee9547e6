package fleettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A client in another language, made from the published .proto, signs, lists keys and asks for health.
// In CI npm must be there, and get the packages, from the network or its cache.
func TestNode(t *testing.T) {
	t.Parallel()
	inCI := os.Getenv("CI") == "true"
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil && !inCI {
			t.Skipf("%s is not installed", program)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/node")); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil && inCI {
		t.Fatalf("%v: %v\n%s", install, err, out)
	} else if err != nil {
		t.Skipf("%v: %v\n%s", install, err, out)
	}
	proto, err := filepath.Abs("../../../../remote/keyserverpb/keyserver.proto")
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, "grpc")
	f.start()
	client := exec.Command("node", "client.js", f.nodes[0].addr, nodeName, proto, f.cert.File, f.cert.KeyFile, f.ca.File)
	client.Dir = dir
	out, err := client.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all is well") {
		t.Errorf("%v\n%s\n%s", err, out, f.nodes[0].log)
	}
	f.nodes[0].logged("handshake failed: .*client didn't provide a certificate")
}
