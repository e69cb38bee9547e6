//go:build linux

package provider

import "testing"

// script starts an interpreter with a server of folder test.
func script(s *site, interpreter, file string) {
	s.t.Helper()
	s.useConfig()
	s.early = ""
	s.start(interpreter, file, s.host(), s.certFile(), s.keyFile(), s.caFile())
}

func TestPython(t *testing.T) {
	need(t, "python3")
	program{start: func(s *site) { script(s, "python3", "test/python/server.py") }, resumes: true, mutual: true, updates: true}.each(t)
}

func TestPythonClient(t *testing.T) {
	t.Parallel()
	clients(t, "python3", "test/python/client.py")
}

// TestNode runs as a whole, beside Node 20, versions that have OpenSSL 3.5.
func TestNode(t *testing.T) {
	t.Parallel()
	if !whole {
		need(t, "node")
		testNode(t, "node")
		return
	}
	for _, name := range []string{"node20", "node24", "node26"} {
		t.Run(name, func(t *testing.T) { testNode(t, node(t, name)) })
	}
}

func testNode(t *testing.T, node string) {
	t.Run("client", func(t *testing.T) { clients(t, node, "test/node/client.js") })
	program{start: func(s *site) { script(s, node, "test/node/server.js") }, resumes: true, mutual: true, updates: true}.subtests(t)
}
