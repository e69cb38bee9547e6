package cabi

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLayers checks that no files of src depend on each other in a circle.
func TestLayers(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if v.name != variants[0].name {
				inCIOnly(t)
			}
			need(t, "tsort", "nm")
			layers := run(t, nil, "make", append(v.args(v.built(t)), "layers")...)
			if !regexp.MustCompile(`\n0:.* lock\.c\b`).MatchString(layers) {
				t.Errorf("lock.c is not in the lowest layer:\n%s", layers)
			}
			for _, name := range []string{"start.c", "waitctx.c", "thread.c", "pool.c", "fdlist.c"} {
				if strings.Count(layers, " "+name) != 1 {
					t.Errorf("%s is not listed once:\n%s", name, layers)
				}
			}
		})
	}
}

// TestLayersFindsCircles checks that layers.sh fails on two objects that depend on each other.
func TestLayersFindsCircles(t *testing.T) {
	t.Parallel()
	need(t, "tsort", "nm", "gcc")
	dir := t.TempDir()
	var objects []string
	for name, source := range map[string]string{
		"a": "int b(void); int a(void); int a(void) { return b(); }",
		"b": "int a(void); int b(void); int b(void) { return a(); }",
		"c": "int a(void); int c(void); int c(void) { return a(); }",
	} {
		file := filepath.Join(dir, name+".c")
		if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, file+".o")
		run(t, nil, "gcc", "-c", "-o", file+".o", file)
	}
	out, err := command(t, nil, "sh", append([]string{"layers.sh", "nm"}, objects...)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "circle") || strings.Contains(string(out), "c.c\n") {
		t.Errorf("%v:\n%s", err, out)
	}
}
