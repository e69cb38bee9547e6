package ifma_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOnlyTestsAllowReference shows that no user's key reaches the reference implementations:
// nothing in this repository sets AllowReference but tests.
func TestOnlyTestsAllowReference(t *testing.T) {
	sets := regexp.MustCompile(`\bAllowReference\s*(,[^=\n]*)?[:|&^]?=[^=]|&(ifma\.)?AllowReference`)
	for text, want := range map[string]bool{
		"ifma.AllowReference = true": true, "ifma.AllowReference, x = f()": true, "p := &ifma.AllowReference": true,
		"x = ifma.AllowReference": false, "if ifma.AllowReference == x": false, "AllowReference bool": false,
	} {
		if sets.MatchString(text) != want {
			t.Fatalf("the test does not understand %q", text)
		}
	}
	files := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files++
		src, err := os.ReadFile(name)
		if err == nil && sets.Match(src) {
			t.Errorf("%s sets AllowReference", name)
		}
		return err
	})
	if err != nil || files < 50 {
		t.Fatal(files, err)
	}
}
