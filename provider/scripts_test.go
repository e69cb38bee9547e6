//go:build linux

package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// script starts an interpreter with a server in testdata.
func script(s *site, interpreter, file string) {
	s.t.Helper()
	s.useConfig()
	s.early = ""
	s.start(interpreter, file, s.host(), s.certFile(), s.keyFile(), s.caFile())
}

func TestPython(t *testing.T) {
	program{start: func(s *site) {
		need(s.t, "python3")
		script(s, "python3", "testdata/python/server.py")
	}, resumes: true, mutual: true, keys: true}.each(t)
}

func TestPythonClient(t *testing.T) {
	t.Parallel()
	clients(t, "python3", "testdata/python/client.py")
}

// nodes returns the versions of Node to test: the one that is installed, and those of testdata, which
// have OpenSSL 3.5. In CI npm must be there, and get the packages, from the network or its cache.
func nodes(t *testing.T) map[string]string {
	t.Helper()
	need(t, "node")
	all := map[string]string{"installed": "node"}
	if runtime.GOARCH != "amd64" {
		return all // the packages are for it
	}
	need(t, "npm")
	dir := filepath.Join(tmp, "node")
	if err := os.CopyFS(dir, os.DirFS("testdata/node")); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		without(t, string(out))
	}
	for _, name := range []string{"node24", "node26"} {
		all[name] = filepath.Join(dir, "node_modules", name, "bin/node")
	}
	return all
}

func TestNode(t *testing.T) {
	t.Parallel()
	for name, node := range nodes(t) {
		t.Run(name, func(t *testing.T) {
			program{start: func(s *site) { script(s, node, "testdata/node/server.js") }, resumes: true, mutual: true, keys: true}.each(t)
			t.Run("client", func(t *testing.T) { clients(t, node, "testdata/node/client.js") })
		})
	}
}
