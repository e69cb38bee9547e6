package cabi

import (
	"path/filepath"
	"testing"
)

// TestExceptions runs C++ jobs that pause while they handle exceptions, or while one is in
// flight, however libasync and the C++ runtime come into the process.
func TestExceptions(t *testing.T) {
	t.Parallel()
	need(t, "g++")
	dir := plain(t)
	out := t.TempDir()
	file := func(name string) string { return filepath.Join(out, name) }
	build := func(name string, args ...string) string {
		t.Helper()
		fixed := []string{"-std=c++17", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-Iinclude", "-o", file(name), "test/exceptions.cc"}
		run(t, nil, "g++", append(fixed, args...)...)
		return file(name)
	}
	async := []string{"-L" + dir, "-lasync", "-Wl,-rpath," + dir}
	linked := build("linked", async...)
	run(t, nil, linked)
	run(t, nil, build("static-runtime", append(async, "-static-libstdc++")...))
	run(t, nil, build("static", filepath.Join(dir, "libasync.a")))
	run(t, preload(dir), build("preloaded", "-lcrypto"))
	plugin := build("plugin.so", append(async, "-DPLUGIN", "-shared", "-fPIC")...)
	run(t, nil, compile(t, "with_plugin", append(async, "-Iinclude")...), plugin)
	for _, v := range variants[1:] {
		if !v.shares {
			continue // a sanitizer must be in the program too
		}
		inVariant := "LD_PRELOAD=" + filepath.Join(v.built(t), "libasync.so.1")
		run(t, []string{inVariant}, linked)
	}
}
